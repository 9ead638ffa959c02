// Commands that are there in every area.
import { engine, status } from '../data/client.svelte.ts'
import type { Command } from '../data/commands.svelte.ts'
import { prefer, preferences, type Language, type Theme } from '../data/preferences.svelte.ts'
import { go } from '../data/router.svelte.ts'
import { undoLast } from '../data/toasts.svelte.ts'
import * as auth from '../jmap/auth.ts'
import { m } from '../paraglide/messages.js'
import type { Item } from '../ui/Menu.svelte'
import { overlay } from './overlay.svelte.ts'

const group = () => m.group_general()
const theme = (name: Theme, label: () => string): Command => ({ id: `theme-${name}`, keys: [], label, group, run: () => prefer({ theme: name }) })

export async function leave(): Promise<void> {
  const answer = await auth.logout().catch(() => ({ to: null }))
  await engine.logout()
  if (answer.to) location.assign(answer.to)
  else go('/login', { replace: true })
}

export const shellCommands: Command[] = [
  { id: 'palette', keys: ['Ctrl+k', '/'], label: () => m.search_everything(), group, icon: 'search', run: () => (overlay.shown = 'palette') },
  { id: 'help', keys: ['?'], label: () => m.keyboard_help(), group, icon: 'help', run: () => (overlay.shown = 'help') },
  { id: 'tour', keys: [], label: () => m.tour(), group, icon: 'help', run: () => (overlay.isTouring = true) },
  { id: 'undo', keys: ['z', 'Ctrl+z'], label: () => m.undo(), group, icon: 'undo', run: () => void undoLast() },
  { id: 'go-mail', keys: ['g m'], label: () => m.go_to({ name: m.area_mail() }), group, icon: 'mail', run: () => go('/mail') },
  { id: 'go-settings', keys: ['g s'], label: () => m.go_to({ name: m.area_settings() }), group, icon: 'settings', run: () => go('/settings') },
  { id: 'go-admin', keys: ['g a'], label: () => m.go_to({ name: m.area_admin() }), group, icon: 'shield', when: () => status.login?.isAdministrator === true, run: () => go('/admin') },
  theme('light', () => m.theme_light()),
  theme('dark', () => m.theme_dark()),
  theme('system', () => m.theme_system()),
  { id: 'language', keys: [], label: () => m.other_language(), group, run: () => prefer({ language: other() }) },
  { id: 'logout', keys: [], label: () => m.log_out(), group, icon: 'logout', run: () => void leave() },
]

const other = (): Language => (preferences.language === 'fr' ? 'en' : 'fr')

export function userMenu(name: string): Item[] {
  const themed = (theme: Theme, label: string, begins = false): Item => ({ label, checked: preferences.theme === theme, begins, run: () => prefer({ theme }) })
  return [
    { label: `${name} · ${status.login?.login ?? ''}`, icon: 'person', run: () => go('/settings') },
    themed('system', m.theme_system(), true),
    themed('light', m.theme_light()),
    themed('dark', m.theme_dark()),
    { label: m.other_language(), begins: true, run: () => prefer({ language: other() }) },
    { label: m.keyboard_help(), icon: 'help', keys: '?', run: () => (overlay.shown = 'help') },
    { label: m.log_out(), icon: 'logout', begins: true, run: () => void leave() },
  ]
}
