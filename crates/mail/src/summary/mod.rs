//! To be replaced.
/// Summary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs)]
pub struct Summary {
    pub header_bytes: i64,
    pub sent_at: Option<i64>,
    pub message_id: String,
    pub refs: Vec<String>,
    pub in_reply_to: Vec<String>,
    pub subject: String,
    pub base_subject: String,
    pub sender: String,
    pub preview: String,
    pub has_attachment: bool,
    pub fields: Vec<u8>,
    pub envelope: String,
    pub structure: String,
}
/// Reads.
pub fn summarise(_body: &[u8]) -> Summary {
    Summary::default()
}
