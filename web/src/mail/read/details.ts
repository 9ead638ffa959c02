// What is asked of the server for a message that is open.
export const DETAILS = [
  'blobId', 'threadId', 'mailboxIds', 'keywords', 'size', 'receivedAt', 'sentAt', 'messageId', 'inReplyTo', 'references', 'sender', 'from', 'to', 'cc', 'bcc', 'replyTo',
  'subject', 'hasAttachment', 'preview', 'bodyValues', 'textBody', 'htmlBody', 'attachments',
]
