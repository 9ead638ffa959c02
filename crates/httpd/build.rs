//! Puts the built web client (`web/dist`) into the binary: a table of its files, each with its compressed forms.
//!
//! A clone where nobody built the client has an empty folder: then the table is empty and the server says so.

use std::error::Error;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo names no folder of the crate")?;
    let dist = Path::new(&manifest).join("../../web/dist");
    println!("cargo:rerun-if-changed=build.rs");
    if dist.is_dir() {
        println!("cargo:rerun-if-changed={}", dist.display());
    }
    let mut files = Vec::new();
    if dist.is_dir() {
        collect(&dist, &mut files)?;
    }
    files.sort();
    let mut text = String::from("&[\n");
    for file in &files {
        entry(&dist, file, &mut text)?;
    }
    text.push_str("]\n");
    let out = std::env::var_os("OUT_DIR").ok_or("cargo names no folder for output")?;
    std::fs::write(Path::new(&out).join("web_files.rs"), text)?;
    Ok(())
}

/// Every file that is served: not the compressed forms, which stand beside them, and nothing hidden.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let compressed = path.extension().is_some_and(|end| end == "br" || end == "gz");
        if path.is_dir() {
            collect(&path, files)?;
        } else if !hidden && !compressed {
            files.push(path);
        }
    }
    Ok(())
}

fn entry(dist: &Path, file: &Path, text: &mut String) -> Result<(), Box<dyn Error>> {
    let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    let path = file.strip_prefix(dist)?.to_string_lossy().replace('\\', "/");
    let included = |end: &str| {
        let beside = format!("{}.{end}", file.display());
        if Path::new(&beside).is_file() {
            format!("Some(include_bytes!({beside:?}))")
        } else {
            "None".to_owned()
        }
    };
    let (brotli, gzip) = (included("br"), included("gz"));
    let file = file.to_string_lossy();
    writeln!(
        text,
        "    File {{ path: {path:?}, tag: \"\\\"{:016x}\\\"\", plain: include_bytes!({file:?}), brotli: {brotli}, gzip: {gzip} }},",
        hasher.finish()
    )?;
    Ok(())
}
