// What the mail area shows now: the account, the place, the list, what is selected and what is open.
import { SvelteSet } from 'svelte/reactivity'
import { engine, status } from '../data/client.svelte.ts'
import { LiveList } from '../data/list.svelte.ts'
import * as objects from '../data/objects.svelte.ts'
import { preferences } from '../data/preferences.svelte.ts'
import { go, route } from '../data/router.svelte.ts'
import { HISTORY, MAIL, type Comparator, type Email, type Filter, type Id, type Mailbox, type Thread } from '../jmap/types.ts'
import { m } from '../paraglide/messages.js'
import { nameOf } from './places.ts'
import { understood } from './search.ts'

export type SortName = 'date' | 'oldest' | 'from' | 'to' | 'subject' | 'largest' | 'starred' | 'unread'
export type FilterName = 'all' | 'unread' | 'starred' | 'attachments'

const date: Comparator = { property: 'receivedAt', isAscending: false }
export const SORTS: Record<SortName, Comparator[]> = {
  date: [date],
  oldest: [{ property: 'receivedAt', isAscending: true }],
  from: [{ property: 'from', isAscending: true }, date],
  to: [{ property: 'to', isAscending: true }, date],
  subject: [{ property: 'subject', isAscending: true }, date],
  largest: [{ property: 'size', isAscending: false }, date],
  starred: [{ property: 'hasKeyword', keyword: '$flagged', isAscending: false }, date],
  unread: [{ property: 'hasKeyword', keyword: '$seen', isAscending: true }, date],
}
const FILTERS: Record<FilterName, Filter | null> = {
  all: null, unread: { notKeyword: '$seen' }, starred: { hasKeyword: '$flagged' }, attachments: { hasAttachment: true },
}

class MailState {
  sort: SortName = $state('date')
  filter: FilterName = $state('all')
  readonly selected = new SvelteSet<Id>()
  /** Everything in the list is meant, also what is not loaded. */
  isAll = $state(false)
  list: LiveList | null = $state.raw(null)
  /** The row that keys start from, when nothing is open. */
  cursor = $state(0)

  /** The account of the person: where drafts lie and what is sent comes from. */
  readonly own = $derived(status.session?.primaryAccounts[MAIL] ?? '')
  readonly ownMailboxes = $derived(objects.mailboxes(this.own))
  /** The first part of the address, `MAILBOX`, or `ACCOUNT:MAILBOX` in what others share. */
  readonly #where = $derived(route().area === 'mail' ? (route().parts[0] ?? '') : '')
  readonly #other = $derived(this.#where.includes(':') ? this.#where.slice(0, this.#where.indexOf(':')) : '')
  readonly account = $derived(this.#other && status.session?.accounts[this.#other] ? this.#other : this.own)
  readonly mailboxes = $derived(objects.mailboxes(this.account))
  readonly place = $derived(this.#where.slice(this.#where.indexOf(':') + 1))
  /** The accounts of others that share mailboxes, by name. */
  readonly shared = $derived(
    Object.entries(status.session?.accounts ?? {})
      .filter(([, account]) => !account.isPersonal && MAIL in account.accountCapabilities)
      .map(([id, { name }]) => ({ id, name }))
      .sort((a, b) => a.name.localeCompare(b.name)),
  )
  /** What was removed, what arrived lately, or how it was earlier, instead of what is there. */
  readonly isPast = $derived(['removed', 'rescue', 'past'].includes(this.place))
  readonly query = $derived(route().query.get('q') ?? '')
  readonly inbox = $derived(this.role('inbox'))
  readonly mailbox = $derived(this.mailboxes.find((mailbox) => mailbox.id === this.place || (!this.place && mailbox.role === 'inbox')))
  readonly openId = $derived(route().area === 'mail' ? (route().parts[1] ?? null) : null)
  readonly title = $derived(this.place === 'search' ? m.results() : this.place === 'starred' ? m.starred() : this.place === 'removed' ? m.removed_title() : this.place === 'rescue' ? m.rescue_title() : this.place === 'past' ? m.past_title() : this.mailbox ? nameOf(this.mailbox) : '')
  readonly isConversations = $derived(preferences.conversations && this.mailbox?.role !== 'drafts' && this.place !== 'search')

  readonly baseFilter = $derived.by((): Filter | null => {
    if (this.place === 'search') return understood(this.query, this.mailboxes)
    if (this.place === 'starred') return { hasKeyword: '$flagged' }
    return this.mailbox ? { inMailbox: this.mailbox.id } : null
  })
  readonly spec = $derived.by(() => {
    if (!this.account || (this.place !== 'search' && !this.baseFilter)) return null
    const conditions = [this.baseFilter, FILTERS[this.filter]].filter((one) => one !== null)
    const filter: Filter | null = conditions.length > 1 ? { operator: 'AND', conditions } : (conditions[0] ?? null)
    return { account: this.account, filter, sort: SORTS[this.sort], collapseThreads: this.isConversations }
  })

  role(name: string): Mailbox | undefined {
    return this.mailboxes.find((mailbox) => mailbox.role === name)
  }

  email(id: Id): Email | undefined {
    return objects.email(this.account, id)
  }

  /** A mailbox of the person, wherever it is now. */
  ownRole(name: string): Mailbox | undefined {
    return this.ownMailboxes.find((mailbox) => mailbox.role === name)
  }

  /** Whether what was removed from an account can be looked at. */
  hasHistory(account: Id): boolean {
    return HISTORY in (status.session?.accounts[account]?.accountCapabilities ?? {})
  }

  /** Whether the history of the person's account has accounts of its own: all that arrived lately, and images. */
  get hasRescue(): boolean {
    return typeof status.session?.accounts[this.own]?.accountCapabilities[HISTORY]?.['rescueAccountId'] === 'string'
  }

  /** The address of a mailbox. */
  path(account: Id, mailbox: Id): string {
    return `/mail/${account === this.own ? '' : `${encodeURIComponent(account)}:`}${encodeURIComponent(mailbox)}`
  }

  open(id: Id | null, replace = false): void {
    const place = this.place || this.mailbox?.id || ''
    const query = this.place === 'search' ? `?q=${encodeURIComponent(this.query)}` : ''
    go(`${this.path(this.account, place)}${id ? `/${encodeURIComponent(id)}` : ''}${query}`, { replace })
  }

  clearSelection(): void {
    this.selected.clear()
    this.isAll = false
  }

  /** What an action is about: the selection, or what is open, or the row under the cursor. */
  async targets(): Promise<Id[]> {
    if (this.isAll && this.spec) return engine.every({ ...this.spec, collapseThreads: false })
    const cursor = this.openId ?? this.list?.at(this.cursor)
    const rows = this.selected.size ? [...this.selected] : cursor ? [cursor] : []
    return this.isConversations ? this.withThreads(rows) : rows
  }

  /** The messages of the conversations of these rows, as far as they are in this place. */
  async withThreads(rows: Id[]): Promise<Id[]> {
    const threadIds = [...new Set(rows.map((id) => this.email(id)?.threadId).filter((id) => id !== undefined))]
    const threads = (await objects.fetch(this.account, 'Thread', threadIds)) as Thread[]
    const ids = [...new Set([...rows, ...threads.flatMap((thread) => thread.emailIds)])]
    await objects.fetch(this.account, 'Email', ids, ['mailboxIds', 'keywords', 'threadId'])
    const box = this.mailbox?.id
    return ids.filter((id) => rows.includes(id) || !box || this.place === 'starred' || this.email(id)?.mailboxIds[box])
  }
}

export const mail = new MailState()
