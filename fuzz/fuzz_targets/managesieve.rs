//! Commands of ManageSieve: what is read does not depend on how its strings were written.
#![no_main]

use codec::managesieve::{self, Command, Scan, write_string};
use libfuzzer_sys::fuzz_target;

/// A string as a client may write it: the literal of a client has a plus.
fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut text = Vec::new();
    write_string(&mut text, bytes);
    match text.first() {
        Some(b'{') => {
            out.extend_from_slice(format!("{{{}+}}\r\n", bytes.len()).as_bytes());
            out.extend_from_slice(bytes);
        }
        _ => out.extend_from_slice(&text),
    }
}

fn written(command: &Command) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (name, strings): (&str, Vec<&[u8]>) = match command {
        Command::PutScript { name, text } => ("PUTSCRIPT", vec![name.as_bytes(), text]),
        Command::SetActive(name) => ("SETACTIVE", vec![name.as_bytes()]),
        Command::GetScript(name) => ("GETSCRIPT", vec![name.as_bytes()]),
        Command::DeleteScript(name) => ("DELETESCRIPT", vec![name.as_bytes()]),
        Command::RenameScript { from, to } => ("RENAMESCRIPT", vec![from.as_bytes(), to.as_bytes()]),
        Command::CheckScript(text) => ("CHECKSCRIPT", vec![text]),
        Command::Noop(Some(tag)) => ("NOOP", vec![tag]),
        _ => return None,
    };
    out.extend_from_slice(name.as_bytes());
    for text in strings {
        out.push(b' ');
        string(&mut out, text);
    }
    Some(out)
}

fuzz_target!(|bytes: &[u8]| {
    let _ = managesieve::line_string(bytes);
    let Ok(Scan::Whole(command)) = managesieve::command(bytes) else { return };
    if let Some(text) = written(&command) {
        assert_eq!(managesieve::command(&text), Ok(Scan::Whole(command)), "it is read as another command");
    }
});
