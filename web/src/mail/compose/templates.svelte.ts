// Texts that one writes again and again, kept in this browser.
import { toast } from '../../data/toasts.svelte.ts'
import { m } from '../../paraglide/messages.js'

export interface Template {
  name: string
  html: string
}

const KEPT = 'beffroi-templates'
const MOST = 50

function kept(): Template[] {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? '[]') as Template[]
  } catch {
    return []
  }
}

export const templates: { list: Template[] } = $state({ list: kept() })

function put(list: Template[]): void {
  templates.list = list.slice(0, MOST)
  localStorage.setItem(KEPT, JSON.stringify(templates.list))
}

export function saveTemplate(name: string, html: string): void {
  const before = templates.list
  const title = name.trim() || m.no_subject()
  put([{ name: title, html }, ...before.filter((one) => one.name !== title)])
  toast(m.template_saved({ name: title }), () => put(before))
}
