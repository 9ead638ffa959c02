// State changes by server-sent events (RFC 8620, section 7.3).
import { path } from '../jmap/client.ts'
import type { Id, Session, StateChange } from '../jmap/types.ts'

export interface Heard {
  changed: (account: Id, types: string[]) => void
  lost: () => void
  back: () => void
}

const PING_SECONDS = 60

export class Push {
  readonly #source: EventSource

  constructor(make: (url: string) => EventSource, session: Session, heard: Heard) {
    const url = path(session.eventSourceUrl)
      .replace('{types}', '*')
      .replace('{closeafter}', 'no')
      .replace('{ping}', String(PING_SECONDS))
    this.#source = make(url)
    let last: Record<Id, Record<string, string>> = {}
    this.#source.addEventListener('state', (event) => {
      const change = JSON.parse((event as MessageEvent<string>).data) as StateChange
      for (const account of Object.keys(change.changed)) {
        if (JSON.stringify(last[account]) !== JSON.stringify(change.changed[account])) heard.changed(account, Object.keys(change.changed[account] ?? {}))
      }
      last = { ...last, ...change.changed }
    })
    this.#source.addEventListener('open', () => heard.back())
    this.#source.addEventListener('error', () => heard.lost())
  }

  close(): void {
    this.#source.close()
  }
}
