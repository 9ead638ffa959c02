// The address bar: `/mail/MAILBOX/EMAIL`, `/settings/PAGE`, `/login`.
interface Route {
  area: string
  parts: string[]
  query: URLSearchParams
}

function parsed(): Route {
  const [area = '', ...parts] = location.pathname.split('/').filter(Boolean).map(decodeURIComponent)
  return { area: area || 'mail', parts, query: new URLSearchParams(location.search) }
}

let current = $state.raw(parsed())
addEventListener('popstate', () => (current = parsed()))

export const route = () => current

export function go(path: string, options: { replace?: boolean } = {}): void {
  if (path === location.pathname + location.search) return
  history[options.replace ? 'replaceState' : 'pushState'](null, '', path)
  current = parsed()
}

/** For links of this client: a plain click stays in the page. */
export function follow(event: MouseEvent): void {
  const link = event.currentTarget as HTMLAnchorElement
  if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return
  event.preventDefault()
  go(link.pathname + link.search)
}
