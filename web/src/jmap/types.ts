// What JMAP says on the wire (RFC 8620, RFC 8621, RFC 9425, RFC 9661), as far as the client reads it.

import type * as wire from './types.generated'

export type { EmailAddress, Id, MailboxRights } from './types.generated'
import type { Id } from './types.generated'
export type Invocation = [name: string, args: Record<string, unknown>, callId: string]
export type Patch = Record<string, unknown>

export interface JmapObject {
  id: Id
  [property: string]: unknown
}

export interface Account {
  name: string
  isPersonal: boolean
  isReadOnly: boolean
  accountCapabilities: Record<string, Record<string, unknown>>
}

export interface Session {
  username: string
  accounts: Record<Id, Account>
  primaryAccounts: Record<string, Id>
  capabilities: Record<string, Record<string, unknown>>
  apiUrl: string
  downloadUrl: string
  uploadUrl: string
  eventSourceUrl: string
  state: string
}

/** An object as the client keeps it: what the server alone sets is written here when it arrives. */
type Kept<T> = { -readonly [K in keyof T]: T[K] } & JmapObject

/** What lists ask of every email; the rest comes when a message is opened. */
type Listed =
  | 'id'
  | 'blobId'
  | 'threadId'
  | 'mailboxIds'
  | 'keywords'
  | 'size'
  | 'receivedAt'
  | 'from'
  | 'to'
  | 'subject'
  | 'hasAttachment'
  | 'preview'

/** A part of a body, as far as the client asks for it; the tables of the server leave parts open. */
export interface BodyPart {
  partId: string | null
  blobId: Id | null
  size: number
  name: string | null
  type: string
  charset: string | null
  disposition: string | null
  cid: string | null
  subParts?: BodyPart[] | null
}

export interface BodyValue {
  value: string
  isEncodingProblem: boolean
  isTruncated: boolean
}

interface Bodies {
  bodyValues: Record<string, BodyValue>
  textBody: BodyPart[]
  htmlBody: BodyPart[]
  attachments: BodyPart[]
}

export type Email = Kept<
  Pick<wire.Email, Listed> & Partial<Omit<wire.Email, Listed | keyof Bodies>> & Partial<Bodies>
>
export type Mailbox = Kept<wire.Mailbox>
export type Thread = Kept<wire.Thread>
export type Identity = Kept<wire.Identity>
export type Quota = Kept<wire.Quota>
export type VacationResponse = Kept<wire.VacationResponse>
export type SieveScript = Kept<wire.SieveScript>

export interface FilterCondition {
  [condition: string]: unknown
}
export interface FilterOperator {
  operator: 'AND' | 'OR' | 'NOT'
  conditions: Filter[]
}
export type Filter = FilterOperator | FilterCondition

export interface Comparator {
  property: string
  isAscending?: boolean
  keyword?: string
}

export interface StateChange {
  '@type': 'StateChange'
  changed: Record<Id, Record<string, string>>
}

export interface SetResponse {
  accountId: Id
  oldState: string | null
  newState: string
  created?: Record<Id, JmapObject> | null
  updated?: Record<Id, JmapObject | null> | null
  destroyed?: Id[] | null
  notCreated?: Record<Id, SetError> | null
  notUpdated?: Record<Id, SetError> | null
  notDestroyed?: Record<Id, SetError> | null
}

export interface SetError {
  type: string
  description?: string | null
  properties?: string[] | null
}

export const CORE = 'urn:ietf:params:jmap:core'
export const MAIL = 'urn:ietf:params:jmap:mail'
export const SUBMISSION = 'urn:ietf:params:jmap:submission'
export const VACATION = 'urn:ietf:params:jmap:vacationresponse'
export const SIEVE = 'urn:ietf:params:jmap:sieve'
export const QUOTA = 'urn:ietf:params:jmap:quota'
/** Ours: what was removed, and images of earlier moments. */
export const HISTORY = 'https://beffroi.org/jmap/history'
