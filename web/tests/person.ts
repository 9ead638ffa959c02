// Somebody who has an account, and what a program of theirs sees of it by JMAP with their password.
type Args = Record<string, unknown>

export class Person {
  #account = ''

  constructor(
    readonly server: string,
    readonly login: string,
    readonly password: string,
  ) {}

  async account(): Promise<string> {
    if (!this.#account) {
      const session = (await this.#ask('/jmap/session')) as { primaryAccounts: Record<string, string> }
      this.#account = session.primaryAccounts['urn:ietf:params:jmap:mail'] ?? ''
    }
    return this.#account
  }

  /** One call; an error of it is thrown. */
  async call(name: string, args: Args = {}): Promise<Args> {
    const using = ['core', 'mail', 'submission', 'vacationresponse', 'sieve', 'quota', 'blob'].map((one) => `urn:ietf:params:jmap:${one}`).concat('https://beffroi.org/jmap/history')
    const body = JSON.stringify({ using, methodCalls: [[name, { accountId: await this.account(), ...args }, '0']] })
    const answer = (await this.#ask('/jmap/api', { method: 'POST', headers: { 'content-type': 'application/json' }, body })) as { methodResponses: [string, Args, string][] }
    const [said, found] = answer.methodResponses[0] ?? ['error', {}]
    if (said === 'error') throw new Error(`${name}: ${JSON.stringify(found)}`)
    return found
  }

  async mailbox(role: string): Promise<string> {
    const { list } = (await this.call('Mailbox/get', { ids: null, properties: ['id', 'role'] })) as { list: { id: string; role: string | null }[] }
    return list.find((one) => one.role === role)?.id ?? ''
  }

  /** The messages of a mailbox, the newest first. */
  async emails(role: string, properties = ['id', 'subject', 'from', 'to', 'keywords', 'mailboxIds', 'preview']): Promise<Args[]> {
    const { ids } = await this.call('Email/query', { filter: { inMailbox: await this.mailbox(role) }, sort: [{ property: 'receivedAt', isAscending: false }] })
    const { list } = await this.call('Email/get', { ids, properties, fetchTextBodyValues: properties.includes('bodyValues') })
    return list as Args[]
  }

  async #ask(path: string, init: RequestInit = {}): Promise<unknown> {
    const authorization = `Basic ${Buffer.from(`${this.login}:${this.password}`).toString('base64')}`
    const answer = await fetch(this.server + path, { ...init, headers: { ...init.headers, authorization } })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }
}
