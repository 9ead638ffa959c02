// Generated from the tables of the JMAP door: run `cargo xtask generate` after a change there.

export type Id = string;
export type UTCDate = string;
export type DateTime = string;

export interface PushKeys {
  /** The client's public key on P-256, in base64url. */
  p256dh: string;
  /** Its secret of 16 bytes, in base64url. */
  auth: string;
}

export interface MailboxRights {
  /** Read its emails. */
  mayReadItems: boolean;
  /** Put emails into it. */
  mayAddItems: boolean;
  /** Take emails out of it. */
  mayRemoveItems: boolean;
  /** Mark emails as seen. */
  maySetSeen: boolean;
  /** Change the other keywords. */
  maySetKeywords: boolean;
  /** Make mailboxes in it. */
  mayCreateChild: boolean;
  /** Rename and move it. */
  mayRename: boolean;
  /** Remove it. */
  mayDelete: boolean;
  /** Send in the name of its account. */
  maySubmit: boolean;
  /** Say who may do what in it. */
  mayShare: boolean;
}

export interface EmailAddress {
  /** The name to show. */
  name: string | null;
  /** The address. */
  email: string;
}

export interface Envelope {
  /** The sender; HOLDFOR and HOLDUNTIL send it later. */
  mailFrom: EnvelopeAddress;
  /** The recipients. */
  rcptTo: EnvelopeAddress[];
}

export interface EnvelopeAddress {
  /** The address. */
  email: string;
  /** Parameters of SMTP, with values that are not encoded. */
  parameters: Record<string, string | null> | null;
}

export interface DeliveryStatus {
  /** What was answered last. */
  smtpReply: string;
  /** Whether it arrived. */
  delivered: 'queued' | 'yes' | 'no' | 'unknown';
  /** Not known: always `unknown`. */
  displayed: 'unknown' | 'yes';
}

export interface Disposition {
  /** Whether a person or a program dealt with the message. */
  actionMode: 'manual-action' | 'automatic-action';
  /** Whether a person was asked before the receipt was sent. */
  sendingMode: 'mdn-sent-manually' | 'mdn-sent-automatically';
  /** What became of the message. */
  type: 'deleted' | 'dispatched' | 'displayed' | 'processed';
}

export interface OwnedAddress {
  /** What it is; set by the server. */
  kind: 'primary' | 'alias' | 'temporary';
  /** When a temporary address ends. */
  expiresAt: UTCDate | null;
  /** What it was made for. */
  note: string;
}

export interface AuditChange {
  /** What was done. */
  kind: 'put' | 'flags' | 'keywords' | 'content' | 'move' | 'remove' | 'mailbox' | 'share' | 'note';
  /** Where. */
  mailboxId: Id | null;
  /** The mailbox that it was moved to. */
  targetId: Id | null;
  /** Items that it was done to. */
  count: number;
  /** Flags that were set; rights that someone has now. */
  added: string[];
  /** Flags that were taken away. */
  removed: string[];
  /** Whose rights changed. */
  subjectId: Id | null;
  /** Words about it, and names of mailboxes; else the line of the history. */
  text: string;
}

export interface Entity {
  /** Its name then; empty: an administrator at the machine. */
  name: string;
  /** Its address then. */
  email: string | null;
  /** Its principal. */
  principalId: Id | null;
}

/** An address that is told of changes, once the client has shown what was sent there first. Only those of the caller's own session are seen. */
export interface PushSubscription {
  /** Its id. */
  readonly id: Id;
  /** How the client knows itself on this device. */
  readonly deviceClientId: string;
  /** Where it is sent to, by HTTPS; never told again. */
  readonly url?: string;
  /** With them it is encrypted (RFC 8291); never told again. */
  readonly keys?: PushKeys | null;
  /** What was sent there first; null until the client shows it. */
  verificationCode: string | null;
  /** When it ends; the server may bring it forward. */
  expires: UTCDate | null;
  /** What is told; null: everything. */
  types: string[] | null;
}

/** Bytes: what was uploaded, whole messages, parts of messages. */
export interface Blob {
  /** Its id. */
  readonly id: Id;
  /** Its bytes: `data:asText` when they are UTF-8, else `data:asBase64`. */
  readonly data: string | null;
  /** Its bytes as text; null when they are not UTF-8. */
  readonly 'data:asText'?: string | null;
  /** Its bytes in base64. */
  readonly 'data:asBase64'?: string | null;
  /** SHA-1 of the bytes, in base64. */
  readonly 'digest:sha'?: string | null;
  /** SHA-256 of the bytes, in base64. */
  readonly 'digest:sha-256'?: string | null;
  /** Bytes of the whole blob. */
  readonly size: number;
  /** Whether text was asked for and the bytes are not UTF-8. */
  readonly isEncodingProblem?: boolean;
  /** Whether the range reaches beyond the end. */
  readonly isTruncated?: boolean;
}

/** A named set of emails. */
export interface Mailbox {
  /** Its id; in the own account the MAILBOXID of IMAP. */
  readonly id: Id;
  /** Its name for people. */
  name: string;
  /** The mailbox that it lies in. */
  parentId: Id | null;
  /** What it is for. */
  role: string | null;
  /** Its place among its siblings, the lowest first. */
  sortOrder: number;
  /** Its emails. */
  readonly totalEmails: number;
  /** Those neither seen nor drafts. */
  readonly unreadEmails: number;
  /** Conversations with an email in it. */
  readonly totalThreads: number;
  /** Conversations with an unread email in it. */
  readonly unreadThreads: number;
  /** What the caller may do. */
  readonly myRights: MailboxRights;
  /** What principals besides the owner may do; null: nobody else, or the caller may not know. */
  shareWith?: Record<Id, MailboxRights | null> | null;
  /** Whether the caller wants to see it in lists. */
  isSubscribed: boolean;
}

/** Conditions of a filter of Mailbox. */
export interface MailboxFilter {
  /** Lies in this mailbox; null: at the top. */
  parentId?: Id | null;
  /** Its name holds this. */
  name?: string;
  /** Has this role. */
  role?: string | null;
  /** Has a role. */
  hasAnyRole?: boolean;
  /** Is subscribed to. */
  isSubscribed?: boolean;
}

export type MailboxSort = 'sortOrder' | 'name' | 'parentId';

/** A conversation: messages that answer one another. */
export interface Thread {
  /** Its id; the THREADID of IMAP. */
  readonly id: Id;
  /** Its emails, those that arrived first before the others. */
  readonly emailIds: Id[];
}

/** A message, in however many mailboxes it lies. */
export interface Email {
  /** Its id; the EMAILID of IMAP. */
  readonly id: Id;
  /** The whole message. */
  readonly blobId: Id;
  /** Its conversation. */
  readonly threadId: Id;
  /** Where it lies; every value is true. */
  mailboxIds: Record<Id, boolean>;
  /** Its keywords; every value is true. */
  keywords: Record<string, boolean>;
  /** Bytes of the whole message. */
  readonly size: number;
  /** When it arrived. */
  readonly receivedAt: UTCDate;
  /** The field Message-ID. */
  readonly messageId: string[] | null;
  /** The field In-Reply-To. */
  readonly inReplyTo: string[] | null;
  /** The field References. */
  readonly references: string[] | null;
  /** The field Sender. */
  readonly sender: EmailAddress[] | null;
  /** The field From. */
  readonly from: EmailAddress[] | null;
  /** The field To. */
  readonly to: EmailAddress[] | null;
  /** The field Cc. */
  readonly cc: EmailAddress[] | null;
  /** The field Bcc. */
  readonly bcc: EmailAddress[] | null;
  /** The field Reply-To. */
  readonly replyTo: EmailAddress[] | null;
  /** The field Subject. */
  readonly subject: string | null;
  /** The field Date. */
  readonly sentAt: DateTime | null;
  /** Whether it has attachments to show. */
  readonly hasAttachment: boolean;
  /** How its text begins. */
  readonly preview: string;
  /** Texts of parts, by partId. */
  readonly bodyValues: Record<string, Record<string, unknown>>;
  /** What is shown where plain text is preferred. */
  readonly textBody: Record<string, unknown>[];
  /** What is shown where HTML is preferred. */
  readonly htmlBody: Record<string, unknown>[];
  /** What is offered besides. */
  readonly attachments: Record<string, unknown>[];
  /** The tree of its parts. */
  readonly bodyStructure?: Record<string, unknown>;
  /** All fields of its header as they stand. */
  readonly headers?: Record<string, unknown>[];
  /** Ours: by partId, the HTML of the parts in htmlBody as a sandboxed frame may show it (`html`), and whether remote images were taken out (`hasRemoteImages`). */
  readonly safeHtml?: Record<string, Record<string, unknown>>;
}

/** Conditions of a filter of Email. */
export interface EmailFilter {
  /** Lies in this mailbox. */
  inMailbox?: Id;
  /** Lies in a mailbox that is none of these. */
  inMailboxOtherThan?: Id[];
  /** Arrived before. */
  before?: UTCDate;
  /** Arrived then or later. */
  after?: UTCDate;
  /** Has so many bytes or more. */
  minSize?: number;
  /** Has fewer bytes. */
  maxSize?: number;
  /** All of its conversation have the keyword. */
  allInThreadHaveKeyword?: string;
  /** Some of its conversation have it. */
  someInThreadHaveKeyword?: string;
  /** None of its conversation have it. */
  noneInThreadHaveKeyword?: string;
  /** Has the keyword. */
  hasKeyword?: string;
  /** Does not have the keyword. */
  notKeyword?: string;
  /** Has attachments to show. */
  hasAttachment?: boolean;
  /** Holds these words, in the header or the body. */
  text?: string;
  /** From holds these words. */
  from?: string;
  /** To holds these words. */
  to?: string;
  /** Cc holds these words. */
  cc?: string;
  /** Bcc holds these words. */
  bcc?: string;
  /** Subject holds these words. */
  subject?: string;
  /** The body holds these words. */
  body?: string;
  /** Has this field, which holds the text that may follow. */
  header?: string[];
}

export type EmailSort = 'receivedAt' | 'sentAt' | 'size' | 'from' | 'to' | 'subject' | 'hasKeyword' | 'allInThreadHaveKeyword' | 'someInThreadHaveKeyword';

/** An address that a person sends as: its own, its aliases, those delegated to it, and further ones that it made of its own. */
export interface Identity {
  /** Its id. */
  readonly id: Id;
  /** The name beside the address. */
  name: string;
  /** The address. */
  readonly email: string;
  /** Where answers go; null: nowhere else. */
  replyTo: EmailAddress[] | null;
  /** Who gets a copy of everything; null: nobody. */
  bcc: EmailAddress[] | null;
  /** Below messages in plain text. */
  textSignature: string;
  /** Below messages in HTML. */
  htmlSignature: string;
  /** Whether it was made, and not given by the directory. */
  readonly mayDelete: boolean;
}

/** An email that was handed over to be sent. The record is kept for some days. */
export interface EmailSubmission {
  /** Its id. */
  readonly id: Id;
  /** The identity that sends. */
  readonly identityId: Id;
  /** The email. */
  readonly emailId: Id;
  /** The conversation of the email. */
  readonly threadId: Id;
  /** Sender and recipients; without one, those of the header. */
  readonly envelope: Envelope | null;
  /** When it is sent. */
  readonly sendAt: UTCDate;
  /** `pending` while it can be taken back by `canceled`. */
  undoStatus: 'pending' | 'final' | 'canceled';
  /** What became of it, by recipient. */
  readonly deliveryStatus: Record<string, DeliveryStatus> | null;
  /** Not collected: always empty. */
  readonly dsnBlobIds: Id[];
  /** Not collected: always empty. */
  readonly mdnBlobIds: Id[];
}

/** Conditions of a filter of EmailSubmission. */
export interface EmailSubmissionFilter {
  /** One of these identities sends. */
  identityIds?: Id[];
  /** It is one of these emails. */
  emailIds?: Id[];
  /** The email is of one of these conversations. */
  threadIds?: Id[];
  /** It can be taken back, or not. */
  undoStatus?: 'pending' | 'final' | 'canceled';
  /** It is sent before. */
  before?: UTCDate;
  /** It is sent then or later. */
  after?: UTCDate;
}

export type EmailSubmissionSort = 'emailId' | 'threadId' | 'sentAt';

/** A receipt: what became of a message. It has no id, and is kept nowhere. */
export interface MDN {
  /** The email that the receipt is for; null in what was parsed. */
  forEmailId: Id | null;
  /** Its subject; one in French and English where it is null. */
  subject: string | null;
  /** What people read; a sentence in French and English where it is null. */
  textBody: string | null;
  /** Whether the message itself is part of it. */
  includeOriginalMessage: boolean;
  /** The program that reports. */
  reportingUA: string | null;
  /** What became of the message. */
  disposition: Disposition;
  /** The gateway that made it of something else. */
  readonly mdnGateway: string | null;
  /** The recipient as the sender wrote it. */
  readonly originalRecipient: string | null;
  /** The recipient; the address of the identity where it is null. */
  finalRecipient: string | null;
  /** The Message-ID of the message. */
  readonly originalMessageId: string | null;
  /** What went wrong. */
  readonly error: string[] | null;
  /** Fields of others. */
  extensionFields: Record<string, string> | null;
}

/** What an account uses of what it may use; there is none where nothing is limited. */
export interface Quota {
  /** Its id. */
  readonly id: Id;
  /** What is counted: always bytes. */
  readonly resourceType: 'count' | 'octets';
  /** Bytes that are used. */
  readonly used: number;
  /** Bytes that may be used. */
  readonly hardLimit: number;
  /** Whom it is for: always the account. */
  readonly scope: 'account' | 'domain' | 'global';
  /** Its name. */
  readonly name: string;
  /** The types whose objects count. */
  readonly types: string[];
  /** Bytes from which on a client should warn. */
  readonly warnLimit: number | null;
  /** Not used: always null. */
  readonly softLimit: number | null;
  /** Not used: always null. */
  readonly description: string | null;
}

/** Conditions of a filter of Quota. */
export interface QuotaFilter {
  /** Its name has this in it. */
  name?: string;
  /** It is for these. */
  scope?: 'account' | 'domain' | 'global';
  /** It counts this. */
  resourceType?: 'count' | 'octets';
  /** Objects of this type count. */
  type?: string;
}

export type QuotaSort = 'name' | 'used';

/** A Sieve script; at most one of an account is in force. */
export interface SieveScript {
  /** Its id, stable over renames. */
  readonly id: Id;
  /** Its name, unique in the account; null in a creation: the server finds one. */
  name: string | null;
  /** The blob of its text. */
  blobId: Id;
  /** Whether it is in force. */
  readonly isActive: boolean;
}

/** Conditions of a filter of SieveScript. */
export interface SieveScriptFilter {
  /** Its name has this in it. */
  name?: string;
  /** Whether it is in force. */
  isActive?: boolean;
}

export type SieveScriptSort = 'name' | 'isActive';

/** The answer that senders get while a person is away. There is one, with the id `singleton`. */
export interface VacationResponse {
  /** Always `singleton`. */
  readonly id: Id;
  /** Whether senders are answered. */
  isEnabled: boolean;
  /** Answers begin then; null: at once. */
  fromDate: UTCDate | null;
  /** Answers end then; null: when it is turned off. */
  toDate: UTCDate | null;
  /** The subject; null: that of the message behind a prefix. */
  subject: string | null;
  /** The answer as plain text. */
  textBody: string | null;
  /** The answer as HTML. */
  htmlBody: string | null;
}

/** The caller's organisation, of which there is one. */
export interface Organisation {
  /** Its id. */
  readonly id: Id;
  /** Its short name. */
  readonly name: string;
  /** What the caller may do somewhere in it: verbs of roles. */
  readonly myRights: string[];
  /** Name for people. */
  displayName: string;
  /** `locked`: nobody logs in; `closed`: mail is refused too. */
  state: 'active' | 'locked' | 'closed';
  /** People it may have. */
  maxPeople: number | null;
  /** Largest quota that one account may have. */
  maxQuotaBytes: number | null;
  /** Class of service of new accounts. */
  defaultClass: Id | null;
  /** Days that a pre-deleted account can be restored. */
  preDeleteDays: number;
  /** Whether addresses of pre-deleted accounts stay theirs. */
  holdsAddresses: boolean;
  /** For administrators. */
  note: string;
}

/** A domain that the organisation receives mail for. */
export interface Domain {
  /** Its id. */
  readonly id: Id;
  /** Its name, in A-labels. */
  readonly name: string;
  /** The domain whose addresses its own are the same as. */
  readonly aliasOf: Id | null;
  /** `locked`: no login with its addresses; `closed`: mail is refused too. */
  state: 'active' | 'locked' | 'closed';
  /** People it may have. */
  maxPeople: number | null;
  /** Largest quota that one of its accounts may have. */
  maxQuotaBytes: number | null;
  /** Class of service of its new accounts. */
  defaultClass: Id | null;
  /** Days a password lasts before it must be changed. */
  passwordDays: number | null;
  /** Who receives mail for unknown addresses. */
  catchAll: Id | null;
  /** `name+detail@` reaches `name@`. */
  detailSeparator: string;
  /** The server where unknown addresses live. */
  relayHost: string | null;
  /** For administrators. */
  note: string;
}

/** Conditions of a filter of Domain. */
export interface DomainFilter {
  /** Its name holds this. */
  text?: string;
}

export type DomainSort = 'name';

/** A class of service: what the accounts that have it may use, and how much. */
export interface ClassOfService {
  /** Its id. */
  readonly id: Id;
  /** Unique in the organisation. */
  name: string;
  /** Bytes of an account without a quota of its own. */
  quotaBytes: number | null;
  /** Largest message an account may send. */
  maxMessageBytes: number | null;
  /** Aliases of one account. */
  maxAliases: number | null;
  /** Days that versions and destroyed items are kept. */
  retentionDays: number | null;
  /** Web client and JMAP. */
  webmail: boolean;
  /** IMAP. */
  imap: boolean;
  /** POP3. */
  pop3: boolean;
  /** Sending with a mail program. */
  submission: boolean;
  /** Filters of its own. */
  sieve: boolean;
  /** CalDAV, CardDAV and WebDAV. */
  dav: boolean;
  /** Synchronisation of telephones. */
  mobile: boolean;
  /** Calendars. */
  calendar: boolean;
  /** Address books. */
  contacts: boolean;
  /** Files. */
  files: boolean;
  /** Customer records. */
  crm: boolean;
  /** Forwarding to outside addresses. */
  forwardOutside: boolean;
  /** Price of one account a month, in cents. */
  priceCents: number;
  /** For administrators. */
  note: string;
}

/** Conditions of a filter of ClassOfService. */
export interface ClassOfServiceFilter {
  /** Its name holds this. */
  text?: string;
}

export type ClassOfServiceSort = 'name';

/** A node of the tree of units. */
export interface Unit {
  /** Its id. */
  readonly id: Id;
  /** Its name, unique below its parent. */
  name: string;
  /** The unit above; null at the top. */
  parentId: Id | null;
}

/** Conditions of a filter of Unit. */
export interface UnitFilter {
  /** Its name holds this. */
  text?: string;
}

export type UnitSort = 'name';

/** Someone who logs in and receives mail. */
export interface Person {
  /** Its id. */
  readonly id: Id;
  /** Its primary address; the one before stays as an alias. */
  address: string;
  /** The domain of that address. */
  readonly domainId: Id;
  /** Active; locked: no login; closed: no mail either; preDeleted: purged after the days of the organisation. Removing the object pre-deletes it, removing it once more purges it. */
  state: 'active' | 'locked' | 'closed' | 'preDeleted';
  /** Its addresses: a new one is an alias, with an end a temporary one. */
  addresses?: Record<string, OwnedAddress | null>;
  /** The addresses that its mail is passed on to. */
  targets?: Record<string, boolean>;
  /** A new password; never told: always null. */
  password?: string | null;
  /** With a new password: whether it is good for nothing but setting another; true when it is not said. */
  mustChangePassword?: boolean;
  /** Name for people. */
  name: string;
  /** Its unit, as a path. */
  unit: Id | null;
  /** Its class of service. */
  class: Id | null;
  /** A quota of its own. */
  quotaBytes: number | null;
  /** Not shown in the address book. */
  hidden: boolean;
  /** When it is to be closed. */
  closeAt: UTCDate | null;
  /** Whether a copy stays when mail is redirected. */
  keepsCopy: boolean;
  /** Its id in another system. */
  externalId: string | null;
  /** For administrators. */
  note: string;
  /** Given names. */
  givenName: string;
  /** Family name. */
  familyName: string;
  /** Function in the organisation. */
  title: string;
  /** As it is shown. */
  telephone: string;
  /** Empty: the server's. */
  language: '' | 'fr' | 'en';
  /** A name such as Europe/Paris; empty: the server's. */
  timeZone: string;
}

/** Conditions of a filter of Person. */
export interface PersonFilter {
  /** Its name or primary address holds this. */
  text?: string;
  /** Its primary address is there. */
  domainId?: Id;
  /** It is in this very unit; null: in none. */
  unit?: Id | null;
  /** It has this class of service; null: none. */
  class?: Id | null;
  /** Its state. */
  state?: 'active' | 'locked' | 'closed' | 'preDeleted';
}

export type PersonSort = 'address' | 'name';

/** People with rights and mail in common. */
export interface Group {
  /** Its id. */
  readonly id: Id;
  /** Its primary address; the one before stays as an alias. */
  address: string;
  /** The domain of that address. */
  readonly domainId: Id;
  /** Active; locked: no login; closed: no mail either; preDeleted: purged after the days of the organisation. Removing the object pre-deletes it, removing it once more purges it. */
  state: 'active' | 'locked' | 'closed' | 'preDeleted';
  /** Its addresses: a new one is an alias, with an end a temporary one. */
  addresses?: Record<string, OwnedAddress | null>;
  /** The addresses of its direct members. */
  members?: Record<string, boolean>;
  /** Name for people. */
  name: string;
  /** Its unit, as a path. */
  unit: Id | null;
  /** Its class of service. */
  class: Id | null;
  /** A quota of its own. */
  quotaBytes: number | null;
  /** Not shown in the address book. */
  hidden: boolean;
  /** When it is to be closed. */
  closeAt: UTCDate | null;
  /** Whether a copy stays when mail is redirected. */
  keepsCopy: boolean;
  /** Its id in another system. */
  externalId: string | null;
  /** For administrators. */
  note: string;
  /** Who may write to it: anyone, own people, members, named senders; `moderated`: mail of others waits for a moderator. */
  posting: 'open' | 'organisation' | 'members' | 'senders' | 'moderated';
  /** Put before the subject of messages. */
  subjectPrefix: string;
  /** Where answers go. */
  replyTo: 'sender' | 'list';
  /** Largest message. */
  maxMessageBytes: number | null;
  /** What it is for. */
  description: string;
}

/** Conditions of a filter of Group. */
export interface GroupFilter {
  /** Its name or primary address holds this. */
  text?: string;
  /** Its primary address is there. */
  domainId?: Id;
  /** It is in this very unit; null: in none. */
  unit?: Id | null;
  /** It has this class of service; null: none. */
  class?: Id | null;
  /** Its state. */
  state?: 'active' | 'locked' | 'closed' | 'preDeleted';
}

export type GroupSort = 'address' | 'name';

/** A distribution list. */
export interface DistributionList {
  /** Its id. */
  readonly id: Id;
  /** Its primary address; the one before stays as an alias. */
  address: string;
  /** The domain of that address. */
  readonly domainId: Id;
  /** Active; locked: no login; closed: no mail either; preDeleted: purged after the days of the organisation. Removing the object pre-deletes it, removing it once more purges it. */
  state: 'active' | 'locked' | 'closed' | 'preDeleted';
  /** Its addresses: a new one is an alias, with an end a temporary one. */
  addresses?: Record<string, OwnedAddress | null>;
  /** The addresses of its direct members. */
  members?: Record<string, boolean>;
  /** Name for people. */
  name: string;
  /** Its unit, as a path. */
  unit: Id | null;
  /** Its class of service. */
  class: Id | null;
  /** A quota of its own. */
  quotaBytes: number | null;
  /** Not shown in the address book. */
  hidden: boolean;
  /** When it is to be closed. */
  closeAt: UTCDate | null;
  /** Whether a copy stays when mail is redirected. */
  keepsCopy: boolean;
  /** Its id in another system. */
  externalId: string | null;
  /** For administrators. */
  note: string;
  /** Who may write to it: anyone, own people, members, named senders; `moderated`: mail of others waits for a moderator. */
  posting: 'open' | 'organisation' | 'members' | 'senders' | 'moderated';
  /** Put before the subject of messages. */
  subjectPrefix: string;
  /** Where answers go. */
  replyTo: 'sender' | 'list';
  /** Largest message. */
  maxMessageBytes: number | null;
  /** What it is for. */
  description: string;
}

/** Conditions of a filter of DistributionList. */
export interface DistributionListFilter {
  /** Its name or primary address holds this. */
  text?: string;
  /** Its primary address is there. */
  domainId?: Id;
  /** It is in this very unit; null: in none. */
  unit?: Id | null;
  /** It has this class of service; null: none. */
  class?: Id | null;
  /** Its state. */
  state?: 'active' | 'locked' | 'closed' | 'preDeleted';
}

export type DistributionListSort = 'address' | 'name';

/** An address with several targets, and nothing of its own. */
export interface Alias {
  /** Its id. */
  readonly id: Id;
  /** Its primary address; the one before stays as an alias. */
  address: string;
  /** The domain of that address. */
  readonly domainId: Id;
  /** Active; locked: no login; closed: no mail either; preDeleted: purged after the days of the organisation. Removing the object pre-deletes it, removing it once more purges it. */
  state: 'active' | 'locked' | 'closed' | 'preDeleted';
  /** Its addresses: a new one is an alias, with an end a temporary one. */
  addresses?: Record<string, OwnedAddress | null>;
  /** The addresses that it leads to. */
  targets: Record<string, boolean>;
  /** Name for people. */
  name: string;
  /** Its unit, as a path. */
  unit: Id | null;
  /** Its class of service. */
  class: Id | null;
  /** A quota of its own. */
  quotaBytes: number | null;
  /** Not shown in the address book. */
  hidden: boolean;
  /** When it is to be closed. */
  closeAt: UTCDate | null;
  /** Whether a copy stays when mail is redirected. */
  keepsCopy: boolean;
  /** Its id in another system. */
  externalId: string | null;
  /** For administrators. */
  note: string;
}

/** Conditions of a filter of Alias. */
export interface AliasFilter {
  /** Its name or primary address holds this. */
  text?: string;
  /** Its primary address is there. */
  domainId?: Id;
  /** It is in this very unit; null: in none. */
  unit?: Id | null;
  /** It has this class of service; null: none. */
  class?: Id | null;
  /** Its state. */
  state?: 'active' | 'locked' | 'closed' | 'preDeleted';
}

export type AliasSort = 'address' | 'name';

/** A mailbox that several people share. */
export interface SharedMailbox {
  /** Its id. */
  readonly id: Id;
  /** Its primary address; the one before stays as an alias. */
  address: string;
  /** The domain of that address. */
  readonly domainId: Id;
  /** Active; locked: no login; closed: no mail either; preDeleted: purged after the days of the organisation. Removing the object pre-deletes it, removing it once more purges it. */
  state: 'active' | 'locked' | 'closed' | 'preDeleted';
  /** Its addresses: a new one is an alias, with an end a temporary one. */
  addresses?: Record<string, OwnedAddress | null>;
  /** The addresses that its mail is passed on to. */
  targets?: Record<string, boolean>;
  /** Name for people. */
  name: string;
  /** Its unit, as a path. */
  unit: Id | null;
  /** Its class of service. */
  class: Id | null;
  /** A quota of its own. */
  quotaBytes: number | null;
  /** Not shown in the address book. */
  hidden: boolean;
  /** When it is to be closed. */
  closeAt: UTCDate | null;
  /** Whether a copy stays when mail is redirected. */
  keepsCopy: boolean;
  /** Its id in another system. */
  externalId: string | null;
  /** For administrators. */
  note: string;
}

/** Conditions of a filter of SharedMailbox. */
export interface SharedMailboxFilter {
  /** Its name or primary address holds this. */
  text?: string;
  /** Its primary address is there. */
  domainId?: Id;
  /** It is in this very unit; null: in none. */
  unit?: Id | null;
  /** It has this class of service; null: none. */
  class?: Id | null;
  /** Its state. */
  state?: 'active' | 'locked' | 'closed' | 'preDeleted';
}

export type SharedMailboxSort = 'address' | 'name';

/** A room, a vehicle, a device. */
export interface Resource {
  /** Its id. */
  readonly id: Id;
  /** Its primary address; the one before stays as an alias. */
  address: string;
  /** The domain of that address. */
  readonly domainId: Id;
  /** Active; locked: no login; closed: no mail either; preDeleted: purged after the days of the organisation. Removing the object pre-deletes it, removing it once more purges it. */
  state: 'active' | 'locked' | 'closed' | 'preDeleted';
  /** Its addresses: a new one is an alias, with an end a temporary one. */
  addresses?: Record<string, OwnedAddress | null>;
  /** The addresses that its mail is passed on to. */
  targets?: Record<string, boolean>;
  /** Name for people. */
  name: string;
  /** Its unit, as a path. */
  unit: Id | null;
  /** Its class of service. */
  class: Id | null;
  /** A quota of its own. */
  quotaBytes: number | null;
  /** Not shown in the address book. */
  hidden: boolean;
  /** When it is to be closed. */
  closeAt: UTCDate | null;
  /** Whether a copy stays when mail is redirected. */
  keepsCopy: boolean;
  /** Its id in another system. */
  externalId: string | null;
  /** For administrators. */
  note: string;
  /** What it is. */
  purpose: 'room' | 'vehicle' | 'equipment';
  /** People it holds. */
  capacity: number | null;
  /** Where it is. */
  location: string;
  /** `free`: accepted when there is no conflict; `approval`: its manager decides; `closed`: declined. */
  booking: 'free' | 'approval' | 'closed';
  /** Longest booking. */
  maxMinutes: number | null;
  /** How far ahead it can be booked. */
  horizonDays: number | null;
  /** Who decides. */
  manager: Id | null;
  /** Equipment, access. */
  description: string;
}

/** Conditions of a filter of Resource. */
export interface ResourceFilter {
  /** Its name or primary address holds this. */
  text?: string;
  /** Its primary address is there. */
  domainId?: Id;
  /** It is in this very unit; null: in none. */
  unit?: Id | null;
  /** It has this class of service; null: none. */
  class?: Id | null;
  /** Its state. */
  state?: 'active' | 'locked' | 'closed' | 'preDeleted';
}

export type ResourceSort = 'address' | 'name';

/** What people who have the role may do, where it is granted to them. */
export interface Role {
  /** Its id. */
  readonly id: Id;
  /** Unique in the organisation. */
  readonly name: string;
  /** What it is for. */
  readonly description: string;
  /** What it allows: `account.read` and others. Its maker holds all of them. */
  verbs: Record<string, boolean>;
}

/** Conditions of a filter of Role. */
export interface RoleFilter {
  /** Its name holds this. */
  text?: string;
}

export type RoleSort = 'name';

/** A role that a person or group has on a part of the organisation. It is made and removed, never changed. Who does so holds all of it there. */
export interface Grant {
  /** Its id. */
  readonly id: Id;
  /** The person or group that has it. */
  readonly subjectId: Id;
  /** The role. */
  readonly roleId: Id;
  /** What `scopeId` is: all of it, a domain, a unit with those below it, or a group with its members. */
  readonly scope: 'organisation' | 'domain' | 'unit' | 'group';
  /** Where; null: everywhere. */
  readonly scopeId: Id | null;
  /** People that may be there when its holder makes one. */
  readonly maxPeople: number | null;
  /** The largest quota that its holder may give. */
  readonly maxQuotaBytes: number | null;
}

/** Conditions of a filter of Grant. */
export interface GrantFilter {
  /** This person or group has it. */
  subjectId?: Id;
  /** This role. */
  roleId?: Id;
  /** Its `scope`. */
  scope?: 'organisation' | 'domain' | 'unit' | 'group';
  /** Its `scopeId`. */
  scopeId?: Id | null;
}

/** A commit of a history: everything that was done at once. Everyone sees what was done to its own account, and what it did itself; all else takes the right `audit.read`. */
export interface AuditEntry {
  /** Its id. */
  readonly id: Id;
  /** When. */
  readonly at: UTCDate;
  /** Who; null: the server, SQL or the command line. */
  readonly actorId: Id | null;
  /** Its address; null: it is gone, or nobody. */
  readonly actorName: string | null;
  /** Through what. */
  readonly door: 'system' | 'cli' | 'sql' | 'admin' | 'jmap' | 'imap' | 'pop3' | 'smtp' | 'lmtp' | 'submission' | 'sieve' | 'dav' | 'sync';
  /** The network address that it came from, while that is known. */
  readonly origin: string | null;
  /** The program, as it names itself. */
  readonly client: string | null;
  /** The account that it was done to. */
  readonly accountId: Id;
  /** Its address; null: it is gone, or the directory. */
  readonly accountName: string | null;
  /** Whether it was done to the directory. */
  readonly isDirectory: boolean;
  /** What was done. */
  readonly changes: AuditChange[];
}

/** Conditions of a filter of AuditEntry. */
export interface AuditEntryFilter {
  /** It was done to this account. */
  accountId?: Id;
  /** This one did it, in all accounts. */
  actorId?: Id;
  /** It was done to this email of the account. */
  emailId?: Id;
  /** It came through this door. */
  door?: 'system' | 'cli' | 'sql' | 'admin' | 'jmap' | 'imap' | 'pop3' | 'smtp' | 'lmtp' | 'submission' | 'sieve' | 'dav' | 'sync';
  /** This is among what was done. */
  kind?: 'put' | 'flags' | 'keywords' | 'content' | 'move' | 'remove' | 'mailbox' | 'share' | 'note';
  /** It was done then or later. */
  after?: UTCDate;
  /** It was done before. */
  before?: UTCDate;
  /** Its words, or an address of it, hold this. */
  text?: string;
}

/** A message that was removed for good by a person, a filter or a client, and can be brought back for a while. It counts against no quota. One that lies in any mailbox is none. */
export interface RemovedEmail {
  /** Its id: that of the email, which it has again when it is back. */
  readonly id: Id;
  /** Its conversation. */
  readonly threadId: Id;
  /** The mailboxes that it was removed from last. */
  readonly mailboxIds: Record<Id, boolean>;
  /** The path of the first of these as it was, levels separated by `/`. */
  readonly mailboxPath: string;
  /** Whether it went with its mailbox. */
  readonly wentWithMailbox: boolean;
  /** Its keywords when it was removed. */
  readonly keywords: Record<string, boolean>;
  /** When it arrived. */
  readonly receivedAt: UTCDate;
  /** Its Date field. */
  readonly sentAt: UTCDate | null;
  /** Its bytes. */
  readonly size: number;
  /** Its subject. */
  readonly subject: string;
  /** Its first author: name and address. */
  readonly sender: string;
  /** How its text begins. */
  readonly preview: string;
  /** Whether it has attachments. */
  readonly hasAttachment: boolean;
  /** When it was removed. */
  readonly removedAt: UTCDate;
  /** The address of who removed it; null: the server, or a filter. */
  readonly removedBy: string | null;
  /** The way it was removed: `jmap`, `imap`, `pop3`, `cli` and so on. */
  readonly removedThrough: string | null;
  /** Until when it can be brought back; null while a legal hold keeps everything. */
  readonly expiresAt: UTCDate | null;
}

/** Conditions of a filter of RemovedEmail. */
export interface RemovedEmailFilter {
  /** Subject or sender hold this. */
  text?: string;
  /** It was removed from this mailbox, or with it. */
  inMailbox?: Id;
  /** It was removed then or later. */
  removedAfter?: UTCDate;
  /** It was removed earlier. */
  removedBefore?: UTCDate;
}

export type RemovedEmailSort = 'removedAt';

/** A mailbox that was removed with the messages in it, and can be brought back for a while. */
export interface RemovedMailbox {
  /** Its id, which it has again when it is back. */
  readonly id: Id;
  /** The mailbox that it lay in; may be removed, too. */
  readonly parentId: Id | null;
  /** Its name. */
  readonly name: string;
  /** Its path as it was, levels separated by `/`. */
  readonly path: string;
  /** What it was for. */
  readonly role: string | null;
  /** Messages that went with it. */
  readonly totalEmails: number;
  /** Those of them not seen. */
  readonly unreadEmails: number;
  /** Their bytes. */
  readonly size: number;
  /** When it was removed. */
  readonly removedAt: UTCDate;
  /** The address of who removed it; null: the server, or a filter. */
  readonly removedBy: string | null;
  /** The way it was removed: `jmap`, `imap`, `pop3`, `cli` and so on. */
  readonly removedThrough: string | null;
  /** Until when it can be brought back; null while a legal hold keeps everything. */
  readonly expiresAt: UTCDate | null;
}

export type RemovedMailboxSort = 'removedAt';

/** The mailboxes of an account as they were at an earlier moment. Images are made every hour in which something changed, and thinned: by default 48 hours, 30 days, 12 months are kept. */
export interface Image {
  /** Its id. */
  readonly id: Id;
  /** The moment. */
  readonly at: UTCDate;
  /** The account that shows it: mailboxes, emails and blobs are asked for there as anywhere, under the ids that they had; nothing can be changed. null: an image of somebody else's. */
  readonly accountId: Id | null;
}

export type ImageSort = 'at';

/** Someone, a group or a thing of the organisation that is not hidden. */
export interface Principal {
  /** Its id; the same as in the directory. */
  readonly id: Id;
  /** What it is: a shared mailbox is `other`, a list a `group`. */
  readonly type: 'individual' | 'group' | 'resource' | 'location' | 'other';
  /** Its name. */
  readonly name: string;
  /** Not told: always null. */
  readonly description: string | null;
  /** Its primary address. */
  readonly email: string | null;
  /** Not told: always null. */
  readonly timeZone: string | null;
  /** What can be asked of it: nothing yet. */
  readonly capabilities: Record<string, unknown>;
  /** Its account as the session has it, when the caller may use it. */
  readonly accounts: Record<string, Record<string, unknown>> | null;
}

/** Conditions of a filter of Principal. */
export interface PrincipalFilter {
  /** One of its `accounts` is one of these. */
  accountIds?: Id[];
  /** This is one of its addresses. */
  email?: string;
  /** Its name holds this. */
  name?: string;
  /** Its name or primary address holds this. */
  text?: string;
  /** What it is. */
  type?: 'individual' | 'group' | 'resource' | 'location' | 'other';
  /** Finds nothing: it is not told. */
  timeZone?: string;
}

export type PrincipalSort = 'name' | 'email';

/** Somebody changed what the person may do with an object of another account. The person itself is not told of what it changed. */
export interface ShareNotification {
  /** Its id. */
  readonly id: Id;
  /** When it changed. */
  readonly created: UTCDate;
  /** Who changed it. */
  readonly changedBy: Entity;
  /** What kind of object: always `Mailbox`. */
  readonly objectType: string;
  /** The account of the object. */
  readonly objectAccountId: Id;
  /** The object; the inbox where all of the account was shared. */
  readonly objectId: Id;
  /** What the person could do; null: nothing. */
  readonly oldRights: Record<string, boolean> | null;
  /** What the person can do since; null: nothing. */
  readonly newRights: Record<string, boolean> | null;
  /** The name of the object then. */
  readonly name: string;
}

/** Conditions of a filter of ShareNotification. */
export interface ShareNotificationFilter {
  /** It was made then or later. */
  after?: UTCDate | null;
  /** It was made before. */
  before?: UTCDate | null;
  /** Its `objectType`. */
  objectType?: string;
  /** Its `objectAccountId`. */
  objectAccountId?: Id;
}

export type ShareNotificationSort = 'created';

/** Every type by its name. */
export interface Types {
  PushSubscription: PushSubscription;
  Blob: Blob;
  Mailbox: Mailbox;
  Thread: Thread;
  Email: Email;
  Identity: Identity;
  EmailSubmission: EmailSubmission;
  MDN: MDN;
  Quota: Quota;
  SieveScript: SieveScript;
  VacationResponse: VacationResponse;
  Organisation: Organisation;
  Domain: Domain;
  ClassOfService: ClassOfService;
  Unit: Unit;
  Person: Person;
  Group: Group;
  DistributionList: DistributionList;
  Alias: Alias;
  SharedMailbox: SharedMailbox;
  Resource: Resource;
  Role: Role;
  Grant: Grant;
  AuditEntry: AuditEntry;
  RemovedEmail: RemovedEmail;
  RemovedMailbox: RemovedMailbox;
  Image: Image;
  Principal: Principal;
  ShareNotification: ShareNotification;
}

export const METHODS = [
  'PushSubscription/get',
  'PushSubscription/set',
  'Blob/get',
  'Blob/upload',
  'Blob/copy',
  'Mailbox/get',
  'Mailbox/changes',
  'Mailbox/query',
  'Mailbox/queryChanges',
  'Mailbox/set',
  'Thread/get',
  'Thread/changes',
  'Email/get',
  'Email/changes',
  'Email/query',
  'Email/queryChanges',
  'Email/set',
  'Email/copy',
  'Email/import',
  'Email/parse',
  'Identity/get',
  'Identity/changes',
  'Identity/set',
  'EmailSubmission/get',
  'EmailSubmission/changes',
  'EmailSubmission/query',
  'EmailSubmission/queryChanges',
  'EmailSubmission/set',
  'MDN/send',
  'MDN/parse',
  'Quota/get',
  'Quota/changes',
  'Quota/query',
  'Quota/queryChanges',
  'SieveScript/get',
  'SieveScript/set',
  'SieveScript/query',
  'SieveScript/validate',
  'VacationResponse/get',
  'VacationResponse/set',
  'Organisation/get',
  'Organisation/changes',
  'Organisation/set',
  'Domain/get',
  'Domain/changes',
  'Domain/query',
  'Domain/set',
  'ClassOfService/get',
  'ClassOfService/changes',
  'ClassOfService/query',
  'ClassOfService/set',
  'Unit/get',
  'Unit/changes',
  'Unit/query',
  'Unit/set',
  'Person/get',
  'Person/changes',
  'Person/query',
  'Person/set',
  'Group/get',
  'Group/changes',
  'Group/query',
  'Group/set',
  'DistributionList/get',
  'DistributionList/changes',
  'DistributionList/query',
  'DistributionList/set',
  'Alias/get',
  'Alias/changes',
  'Alias/query',
  'Alias/set',
  'SharedMailbox/get',
  'SharedMailbox/changes',
  'SharedMailbox/query',
  'SharedMailbox/set',
  'Resource/get',
  'Resource/changes',
  'Resource/query',
  'Resource/set',
  'Role/get',
  'Role/changes',
  'Role/query',
  'Role/set',
  'Grant/get',
  'Grant/changes',
  'Grant/query',
  'Grant/set',
  'AuditEntry/get',
  'AuditEntry/query',
  'RemovedEmail/get',
  'RemovedEmail/query',
  'RemovedEmail/set',
  'RemovedEmail/restore',
  'RemovedMailbox/get',
  'RemovedMailbox/query',
  'RemovedMailbox/set',
  'RemovedMailbox/restore',
  'Image/get',
  'Image/query',
  'Image/mailboxes',
  'Image/emails',
  'Image/restore',
  'Principal/get',
  'Principal/changes',
  'Principal/query',
  'Principal/queryChanges',
  'Principal/set',
  'ShareNotification/get',
  'ShareNotification/changes',
  'ShareNotification/query',
  'ShareNotification/queryChanges',
  'ShareNotification/set',
] as const;
