// What JMAP says on the wire (RFC 8620, RFC 8621, RFC 9425, RFC 9661), as far as the client reads it.

export type Id = string
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

export interface EmailAddress {
  name: string | null
  email: string
}

export interface MailboxRights {
  mayReadItems: boolean
  mayAddItems: boolean
  mayRemoveItems: boolean
  maySetSeen: boolean
  maySetKeywords: boolean
  mayCreateChild: boolean
  mayRename: boolean
  mayDelete: boolean
  maySubmit: boolean
}

export interface Mailbox extends JmapObject {
  name: string
  parentId: Id | null
  role: string | null
  sortOrder: number
  totalEmails: number
  unreadEmails: number
  totalThreads: number
  unreadThreads: number
  myRights: MailboxRights
  isSubscribed: boolean
}

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

export interface Email extends JmapObject {
  blobId: Id
  threadId: Id
  mailboxIds: Record<Id, boolean>
  keywords: Record<string, boolean>
  size: number
  receivedAt: string
  sentAt?: string | null
  messageId?: string[] | null
  inReplyTo?: string[] | null
  references?: string[] | null
  from: EmailAddress[] | null
  sender?: EmailAddress[] | null
  to: EmailAddress[] | null
  cc?: EmailAddress[] | null
  bcc?: EmailAddress[] | null
  replyTo?: EmailAddress[] | null
  subject: string | null
  hasAttachment: boolean
  preview: string
  bodyValues?: Record<string, BodyValue>
  textBody?: BodyPart[]
  htmlBody?: BodyPart[]
  attachments?: BodyPart[]
}

export interface Thread extends JmapObject {
  emailIds: Id[]
}

export interface Identity extends JmapObject {
  name: string
  email: string
  replyTo: EmailAddress[] | null
  bcc: EmailAddress[] | null
  textSignature: string
  htmlSignature: string
  mayDelete: boolean
}

export interface Quota extends JmapObject {
  resourceType: string
  used: number
  hardLimit: number
  name: string
}

export interface VacationResponse extends JmapObject {
  isEnabled: boolean
  fromDate: string | null
  toDate: string | null
  subject: string | null
  textBody: string | null
  htmlBody: string | null
}

export interface SieveScript extends JmapObject {
  name: string | null
  blobId: Id
  isActive: boolean
}

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
