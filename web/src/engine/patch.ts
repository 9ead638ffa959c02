// Patches of JMAP (RFC 8620, section 5.3): paths with `/`, null removes.
import type { JmapObject, Patch } from '../jmap/types.ts'

const unescape = (segment: string) => segment.replaceAll('~1', '/').replaceAll('~0', '~')
export const escape = (segment: string) => segment.replaceAll('~', '~0').replaceAll('/', '~1')

type Plain = Record<string, unknown>
const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The object with the patch applied; what is not touched is shared with the old one. */
export function applied<T extends JmapObject>(object: T, patch: Patch): T {
  const next: Plain = { ...object }
  for (const [path, value] of Object.entries(patch)) {
    const segments = path.split('/').map(unescape)
    let parent = next
    for (const segment of segments.slice(0, -1)) {
      const inner = parent[segment]
      const copy: Plain = isPlain(inner) ? { ...inner } : {}
      parent[segment] = copy
      parent = copy
    }
    const last = segments.at(-1) ?? ''
    if (value === null && segments.length > 1) delete parent[last]
    else parent[last] = value
  }
  return next as T
}

/** The patch that takes the object from after the patch back to what it is now. */
export function inverse(object: JmapObject, patch: Patch): Patch {
  const back: Patch = {}
  for (const path of Object.keys(patch)) {
    let value: unknown = object
    for (const segment of path.split('/').map(unescape)) value = isPlain(value) ? value[segment] : undefined
    back[path] = value ?? null
  }
  return back
}
