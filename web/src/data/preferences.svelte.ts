// What a person chose for this browser.
import { overwriteGetLocale } from '../paraglide/runtime.js'

export type Theme = 'system' | 'light' | 'dark'
export type Language = 'fr' | 'en'
export type Density = 'comfortable' | 'normal' | 'compact'

interface Preferences {
  theme: Theme
  language: Language
  density: Density
  conversations: boolean
  undoSeconds: number
  notifications: boolean
  /** How this browser is known to push; made when it is needed. */
  device: string
}

const KEPT = 'beffroi-preferences'

function kept(): Partial<Preferences> {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? '{}') as Partial<Preferences>
  } catch {
    return {}
  }
}

const spoken: Language = navigator.language.startsWith('fr') ? 'fr' : 'en'

export const preferences: Preferences = $state({
  theme: 'system', language: spoken, density: 'comfortable', conversations: true, undoSeconds: 10, notifications: false, device: '', ...kept(),
})

/** Whether the person chose a language; else that of the account is taken. */
export const hasLanguage = () => 'language' in kept()

export function prefer(changes: Partial<Preferences>): void {
  Object.assign(preferences, changes)
  try {
    localStorage.setItem(KEPT, JSON.stringify({ ...kept(), ...changes }))
  } catch {
    // A browser that keeps nothing: the choice lasts as long as the page.
  }
}

const dark = matchMedia('(prefers-color-scheme: dark)')
let systemIsDark = $state(dark.matches)
dark.addEventListener('change', (event) => (systemIsDark = event.matches))

export const isDark = () => preferences.theme === 'dark' || (preferences.theme === 'system' && systemIsDark)

overwriteGetLocale(() => preferences.language)
