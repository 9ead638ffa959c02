// The script of the document in which a message is written. It runs there and not in the page, since Squire asks what
// a node is by the classes of its own window: text that somebody types in another window's document is no `Text` to it.
import DOMPurify from 'dompurify'
import Squire from 'squire-rte'

export interface EditorFrame {
  edit: (root: HTMLElement) => Squire
}

const FORBIDDEN = ['style', 'form', 'input', 'button', 'textarea', 'select']

const frame: EditorFrame = {
  edit: (root) => new Squire(root, { sanitizeToDOMFragment: (html: string) => DOMPurify.sanitize(html, { RETURN_DOM_FRAGMENT: true, FORBID_TAGS: FORBIDDEN }) }),
}
Object.assign(globalThis, frame)
