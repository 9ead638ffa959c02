// Between the editor and the message: what was written, and the original below it.
import { shown } from '../read/html.ts'

export const QUOTE_CLASS = 'beffroi-original'

export const joined = (html: string, quoted: string) => (quoted ? `${html}<div class="${QUOTE_CLASS}">${quoted}</div>` : html)

/** Takes apart what `joined` put together. */
export function split(html: string): { html: string; quoted: string } {
  const inside = new DOMParser().parseFromString(html, 'text/html').body
  const original = inside.querySelector(`:scope > .${QUOTE_CLASS}`)
  const quoted = original?.innerHTML ?? ''
  original?.remove()
  return { html: inside.innerHTML, quoted }
}

const BLOCKS = new Set(['P', 'DIV', 'BLOCKQUOTE', 'UL', 'OL', 'LI', 'TABLE', 'TR', 'H1', 'H2', 'H3', 'H4', 'PRE', 'HR'])

/** The plain text of HTML, quotes marked with `>`. */
export function textOf(html: string): string {
  const inside = new DOMParser().parseFromString(html, 'text/html').body
  for (const one of inside.querySelectorAll('style, script, title')) one.remove()
  return lines(inside).replace(/[ \t]+\n/g, '\n').replace(/\n{3,}/g, '\n\n').trim()
}

function lines(node: Node): string {
  let text = ''
  for (const child of node.childNodes) {
    if (child.nodeType === 3) text += (child.textContent ?? '').replace(/\s+/g, ' ')
    else if (child instanceof Element) {
      if (child.tagName === 'BR') text += '\n'
      else if (child.tagName === 'BLOCKQUOTE') text += `\n${lines(child).trim().replace(/^/gm, '> ')}\n`
      else if (child.tagName === 'LI') text += `\n- ${lines(child).trim()}`
      else if (BLOCKS.has(child.tagName)) text = `${text.replace(/\n?$/, '\n')}${lines(child)}\n`
      else text += lines(child)
    }
  }
  return text
}

/** The original as it is shown below the editor: nothing of others is fetched. */
export const preview = (quoted: string) => shown(quoted, () => null, {})
