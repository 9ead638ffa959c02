// `/auth/`: login, second factors, sessions. Runs in the page, because passkeys do.
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly meaning: string,
    readonly field: string,
    readonly detail: string,
    readonly retryAfter: number,
  ) {
    super(`${status} ${field} ${detail}`)
  }
}

export type Step =
  | { step: 'done'; session: { language: string } }
  | { step: 'secondFactor'; ticket: string; methods: string[]; passkey?: { publicKey: PublicKeyCredentialRequestOptionsJSON } }
  | { step: 'newPassword'; ticket: string; policy: { leastCharacters: number } }

export interface Methods {
  password: boolean
  passkey: boolean
  providers: { id: string; label: string }[]
  /** People of a sample organisation; only a demo has any. */
  samples?: { name: string; login: string; password: string }[]
}

let csrf = ''
export const useCsrf = (token: string | null | undefined) => (csrf = token ?? '')

export async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = {}
  if (body !== undefined) headers['content-type'] = 'application/json'
  if (csrf && method !== 'GET') headers['x-beffroi-csrf'] = csrf
  let answer: Response
  try {
    answer = await fetch(path, { method, headers, credentials: 'same-origin', ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  } catch {
    throw new Problem(0, 'unavailable', 'network', '', 0)
  }
  if (answer.status === 204) return undefined as T
  const value = (await answer.json().catch(() => ({}))) as Record<string, string>
  if (answer.ok) return value as T
  throw new Problem(answer.status, value['meaning'] ?? '', value['field'] ?? '', value['detail'] ?? '', Number(answer.headers.get('retry-after') ?? 0))
}

export const methods = (name: string) => ask<Methods>('GET', `/auth/methods?name=${encodeURIComponent(name)}`)
export const login = (name: string, password: string, remember: boolean) => ask<Step>('POST', '/auth/login', { name, password, remember })
export const code = (ticket: string, code: string) => ask<Step>('POST', '/auth/login/code', { ticket, code })
export const newPassword = (ticket: string, newPassword: string) => ask<Step>('POST', '/auth/login/password', { ticket, newPassword })
export const logout = () => ask<{ to: string | null }>('POST', '/auth/logout', {})

export async function passkey(ticket: string, options: { publicKey: PublicKeyCredentialRequestOptionsJSON }): Promise<Step> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey)
  const credential = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential | null
  if (!credential) throw new Problem(0, 'invalid', 'credential', '', 0)
  return ask('POST', '/auth/login/passkey', { ticket, credential: credential.toJSON() })
}

export async function passkeyAlone(remember: boolean): Promise<Step> {
  const begun = await ask<{ ticket: string; passkey: { publicKey: PublicKeyCredentialRequestOptionsJSON } }>('POST', '/auth/login/passkey/begin', { remember })
  return passkey(begun.ticket, begun.passkey)
}

/** Makes a passkey; recovery codes come with the first second factor. */
export async function newPasskey(label: string): Promise<string[]> {
  const begun = await ask<{ ticket: string; passkey: { publicKey: PublicKeyCredentialCreationOptionsJSON } }>('POST', '/auth/passkeys/begin', {})
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(begun.passkey.publicKey)
  const credential = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential | null
  if (!credential) throw new Problem(0, 'invalid', 'credential', '', 0)
  const made = await ask<{ recoveryCodes?: string[] }>('POST', '/auth/passkeys', { ticket: begun.ticket, label, credential: credential.toJSON() })
  return made.recoveryCodes ?? []
}
