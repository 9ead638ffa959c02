// A message's HTML as it is shown: cleaned here once more, with pictures of others left out until they are allowed.
// The frame that shows it runs nothing and reaches nobody (its own policy says so); this only makes it pleasant.
import DOMPurify from 'dompurify'

export interface Shown {
  html: string
  /** Addresses of pictures that were left out. */
  remote: string[]
  /** It brings its own colours: it is shown on paper, whatever the theme. */
  isColoured: boolean
}

const FORBIDDEN = ['form', 'input', 'button', 'textarea', 'select', 'script', 'iframe', 'object', 'embed', 'base', 'link', 'meta', 'audio', 'video', 'svg', 'math']
const COLOUR = /(^|[;"'\s{])(background(-color)?|color)\s*:/i

/** `pictures` gives the addresses of allowed pictures on this server; `inline` those of parts by their Content-ID. */
export function shown(html: string, inline: (cid: string) => string | null, pictures: Record<string, string>): Shown {
  const clean = DOMPurify.sanitize(html, {
    RETURN_DOM_FRAGMENT: true, FORBID_TAGS: FORBIDDEN, FORBID_ATTR: ['srcset', 'ping', 'autofocus'], ALLOWED_URI_REGEXP: /^(https?:|mailto:|tel:|cid:|data:image\/|\/auth\/image|#)/i,
  })
  const remote = new Set<string>()
  for (const image of clean.querySelectorAll('img')) {
    const source = image.getAttribute('src') ?? ''
    if (/^cid:/i.test(source)) replace(image, inline(decodeURIComponent(source.slice(4))))
    else if (/^https?:/i.test(source)) {
      if (!pictures[source]) remote.add(source)
      replace(image, pictures[source] ?? null)
    }
  }
  for (const cell of clean.querySelectorAll('[background]')) cell.removeAttribute('background')
  for (const one of clean.querySelectorAll('[style]')) one.setAttribute('style', withoutAddresses(one.getAttribute('style') ?? ''))
  for (const one of clean.querySelectorAll('style')) one.textContent = withoutAddresses(one.textContent ?? '')
  for (const link of clean.querySelectorAll('a[href]')) {
    link.setAttribute('rel', 'noopener noreferrer')
    link.setAttribute('target', '_blank')
  }
  const holder = document.createElement('div')
  holder.append(clean)
  const styled = [...holder.querySelectorAll('[style], style')].some((one) => COLOUR.test(one.getAttribute('style') ?? one.textContent ?? ''))
  const isColoured = styled || holder.querySelector('[bgcolor], font[color]') !== null
  return { html: holder.innerHTML, remote: [...remote], isColoured }
}

/** Styles without what they would fetch; the policy of the frame refuses it as well. */
function withoutAddresses(css: string): string {
  const plain = css.replace(/\\([0-9a-f]{1,6}\s?|.)/gi, ' ').replace(/\/\*[\s\S]*?(\*\/|$)/g, ' ')
  return plain.replace(/@import[^;]*(;|$)/gi, '').replace(/(url|image-set|src)\s*\([^)]*(\)|$)/gi, 'none')
}

function replace(image: Element, source: string | null): void {
  if (source) image.setAttribute('src', source)
  else image.removeAttribute('src')
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
export const escaped = (text: string) => text.replace(/[&<>"]/g, (letter) => ENTITIES[letter] ?? letter)

/** Plain text with its lines, links and quotes. */
export function ofText(text: string): string {
  const lines = text.replace(/\r\n/g, '\n').split('\n')
  const html = lines.map((line) => {
    const [, marks = '', rest = ''] = /^((?:>\s?)*)(.*)$/.exec(line) ?? []
    const linked = escaped(rest).replace(/\bhttps?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]]/g, (url) => `<a href="${url}">${url}</a>`)
    return marks ? `<span class="q">${escaped(marks)}${linked}</span>` : linked
  })
  return `<div class="plain">${html.join('\n')}</div>`
}
