//! JMAP for mail (RFC 8621): mailboxes, threads, messages, identities and their sending.
