//! [`identify`]: from what a user calls a model to the file that holds it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::quant::{quant_label, shard_name, split_shard, strip_gguf};

/// Longest identifier in bytes: Linux's longest path.
const MAX_BYTES: usize = 4096;
/// How deep a directory is searched for a variant.
const MAX_DEPTH: usize = 4;
/// How many directory entries are looked at before a search gives up.
const MAX_ENTRIES: usize = 10_000;

/// A model on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    /// The file to load; the first one of a split model. As the user gave it, links not resolved.
    pub path: PathBuf,
    /// The model's public id: the file's name without extension and shard number, or the directory's.
    pub id: String,
    /// What people see: the file's name, or the directory's with the variant.
    pub display_name: String,
    /// The quantisation label.
    pub variant: Option<String>,
    /// Bytes of all files of the model that exist, links followed.
    pub size_bytes: u64,
}

/// Why an identifier names no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentifyError {
    /// Nothing was given.
    #[error("the model identifier is empty; give the path of a .gguf file")]
    Empty,
    /// Longer than any path.
    #[error("the model identifier is longer than {MAX_BYTES} bytes; give the path of a .gguf file")]
    TooLong,
    /// A control character, such as NUL.
    #[error("the model identifier contains a control character; give the path of a .gguf file")]
    ControlCharacter,
    /// Neither a .gguf file nor a directory that holds one. The same whether the path exists or not, so
    /// that the answer does not tell which files a machine has.
    #[error(
        "no .gguf model at '{0}'; downloading by name is not supported yet, but the path of a .gguf file, or of a directory that holds one, works"
    )]
    NotLocal(String),
    /// The file is a companion of a model.
    #[error("'{0}' is a projector (mmproj), not a language model; give the model's own .gguf file")]
    Projector(String),
    /// A directory without the variant asked for.
    #[error("'{directory}' holds no variant '{variant}'; it holds {}", available.join(", "))]
    NoVariant {
        /// The directory.
        directory: String,
        /// What was asked for.
        variant: String,
        /// What is there.
        available: Vec<String>,
    },
}

/// Finds the local model that `identifier` names: the path of a .gguf file, or of a directory with
/// such files (the largest, or the one whose quantisation label is `variant`). Blocks on disk reads.
pub fn identify(identifier: &str, variant: Option<&str>) -> Result<ModelFile, IdentifyError> {
    let identifier = identifier.trim();
    if identifier.is_empty() {
        return Err(IdentifyError::Empty);
    }
    if identifier.len() > MAX_BYTES {
        return Err(IdentifyError::TooLong);
    }
    if identifier.chars().any(char::is_control) {
        return Err(IdentifyError::ControlCharacter);
    }
    let path = Path::new(identifier);
    let found = match fs::metadata(path) {
        Ok(meta) if meta.is_file() => from_file(path, identifier)?,
        Ok(meta) if meta.is_dir() => from_directory(
            path,
            identifier,
            variant.map(str::trim).filter(|v| !v.is_empty()),
        )?,
        _ => None,
    };
    found.ok_or_else(|| IdentifyError::NotLocal(identifier.to_owned()))
}

fn from_file(path: &Path, identifier: &str) -> Result<Option<ModelFile>, IdentifyError> {
    let Some(name) = gguf_name(path) else {
        return Ok(None);
    };
    if is_projector(name) {
        return Err(IdentifyError::Projector(identifier.to_owned()));
    }
    let (path, stem) = match split_shard(name) {
        Some((prefix, _, count)) => (path.with_file_name(shard_name(prefix, 1, count)), prefix),
        None => (path.to_owned(), strip_gguf(name)),
    };
    if !path.is_file() {
        return Ok(None);
    }
    Ok(Some(ModelFile {
        id: stem.to_owned(),
        display_name: gguf_name(&path).unwrap_or(name).to_owned(),
        variant: Some(quant_label(name)),
        size_bytes: size_of_series(&path),
        path,
    }))
}

fn from_directory(
    directory: &Path,
    identifier: &str,
    variant: Option<&str>,
) -> Result<Option<ModelFile>, IdentifyError> {
    let depth = if variant.is_some() { MAX_DEPTH } else { 1 };
    let mut files = Vec::new();
    let mut entries = MAX_ENTRIES;
    collect(directory, depth, &mut entries, &mut files);
    files.sort();
    if files.is_empty() {
        return Ok(None);
    }
    let label = |path: &Path| gguf_name(path).map(quant_label).unwrap_or_default();
    let chosen = match variant {
        Some(variant) => files
            .iter()
            .find(|path| label(path).eq_ignore_ascii_case(variant)),
        // Of equals the first by name, hence the reversed order.
        None => files.iter().rev().max_by_key(|path| size_of_series(path)),
    };
    let Some(path) = chosen else {
        let available: BTreeSet<_> = files.iter().map(|path| label(path)).collect();
        return Err(IdentifyError::NoVariant {
            directory: identifier.to_owned(),
            variant: variant.unwrap_or_default().to_owned(),
            available: available.into_iter().collect(),
        });
    };
    // "." and ".." have no name of their own.
    let name = directory
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .or_else(|| {
            let full = fs::canonicalize(directory).ok()?;
            Some(full.file_name()?.to_string_lossy().into_owned())
        })
        .unwrap_or_else(|| identifier.to_owned());
    let variant = label(path);
    Ok(Some(ModelFile {
        display_name: format!("{name} ({variant})"),
        id: name,
        variant: Some(variant),
        size_bytes: size_of_series(path),
        path: path.clone(),
    }))
}

/// Collects the models below a directory: first shards and single files, no projectors. Linked
/// directories are not entered, so there are no cycles.
fn collect(directory: &Path, depth: usize, entries: &mut usize, files: &mut Vec<PathBuf>) {
    let Ok(listing) = fs::read_dir(directory) else {
        return;
    };
    for entry in listing.flatten() {
        let Some(left) = entries.checked_sub(1) else {
            return;
        };
        *entries = left;
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if depth > 1 {
                collect(&path, depth - 1, entries, files);
            }
            continue;
        }
        let Some(name) = gguf_name(&path) else {
            continue;
        };
        let first = split_shard(name).is_none_or(|(_, number, _)| number == 1);
        if first && !is_projector(name) && path.is_file() {
            files.push(path);
        }
    }
}

/// The file's name if it ends in .gguf.
fn gguf_name(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let stem = strip_gguf(name);
    (stem.len() < name.len() && !stem.is_empty()).then_some(name)
}

fn is_projector(name: &str) -> bool {
    name.to_ascii_lowercase().contains("mmproj")
}

/// Bytes of a file, or of all files of a split model given its first.
fn size_of_series(path: &Path) -> u64 {
    let size = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
    match gguf_name(path).and_then(split_shard) {
        Some((prefix, _, count)) => (1..=count)
            .map(|number| size(&path.with_file_name(shard_name(prefix, number, count))))
            .fold(0, u64::saturating_add),
        None => size(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with files of given sizes.
    fn directory(files: &[(&str, usize)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, size) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; *size]).unwrap();
        }
        dir
    }

    fn text(path: &Path) -> &str {
        path.to_str().unwrap()
    }

    #[test]
    fn file_is_identified_by_its_path() {
        let dir = directory(&[("Tiny.Q4_1.gguf", 10)]);
        let path = dir.path().join("Tiny.Q4_1.gguf");
        let found = identify(&format!("  {}\n", text(&path)), None).unwrap();
        let expected = ModelFile {
            path,
            id: "Tiny.Q4_1".to_owned(),
            display_name: "Tiny.Q4_1.gguf".to_owned(),
            variant: Some("Q4_1".to_owned()),
            size_bytes: 10,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn any_shard_stands_for_the_series() {
        let dir = directory(&[
            ("T-Q8_0-00001-of-00002.gguf", 10),
            ("T-Q8_0-00002-of-00002.gguf", 5),
        ]);
        let second = dir.path().join("T-Q8_0-00002-of-00002.gguf");
        let found = identify(text(&second), None).unwrap();
        assert_eq!(found.path, dir.path().join("T-Q8_0-00001-of-00002.gguf"));
        assert_eq!(found.id, "T-Q8_0");
        assert_eq!(found.variant.as_deref(), Some("Q8_0"));
        assert_eq!(found.size_bytes, 15);
    }

    #[cfg(unix)]
    #[test]
    fn link_keeps_its_own_name() {
        let dir = directory(&[("blob", 7)]);
        let link = dir.path().join("Named-F16.gguf");
        std::os::unix::fs::symlink(dir.path().join("blob"), &link).unwrap();
        let found = identify(text(&link), None).unwrap();
        assert_eq!(found.display_name, "Named-F16.gguf");
        assert_eq!((found.path, found.size_bytes), (link, 7));
    }

    #[test]
    fn directory_gives_the_largest_model_or_the_variant() {
        let dir = directory(&[
            ("m-Q4_0.gguf", 10),
            ("m-Q8_0-00001-of-00002.gguf", 8),
            ("m-Q8_0-00002-of-00002.gguf", 8),
            ("mmproj-F16.gguf", 99),
            ("sub/m-BF16.gguf", 50),
            ("README.md", 99),
        ]);
        let check = |variant: Option<&str>, file: &str| {
            let found = identify(text(dir.path()), variant).unwrap();
            assert_eq!(found.path, dir.path().join(file));
            assert!(found.display_name.starts_with(&found.id));
        };
        check(None, "m-Q8_0-00001-of-00002.gguf");
        check(Some(""), "m-Q8_0-00001-of-00002.gguf");
        check(Some("q4_0"), "m-Q4_0.gguf");
        check(Some("BF16"), "sub/m-BF16.gguf");
        let missing = identify(text(dir.path()), Some("Q2_K")).unwrap_err();
        let IdentifyError::NoVariant { available, .. } = missing else {
            panic!("{missing}");
        };
        assert_eq!(available, ["BF16", "Q4_0", "Q8_0"]);
    }

    #[test]
    fn what_is_no_local_model_is_refused() {
        let dir = directory(&[
            ("mmproj-x.gguf", 1),
            ("notes.txt", 1),
            (".gguf", 1),
            ("empty/x", 1),
            ("a-00002-of-00002.gguf", 1),
        ]);
        let check = |identifier: &str, expected: &str| {
            let message = identify(identifier, None).unwrap_err().to_string();
            assert!(message.contains(expected), "{identifier:?}: {message}");
        };
        let inside = |name| text(&dir.path().join(name)).to_owned();
        check(" \t", "empty");
        check("a\0b.gguf", "control character");
        check(&"x".repeat(5000), "longer than 4096");
        check(&inside("mmproj-x.gguf"), "projector");
        let not_local = "downloading by name is not supported yet";
        for name in [
            "notes.txt",
            ".gguf",
            "empty",
            "absent.gguf",
            "a-00002-of-00002.gguf",
        ] {
            check(&inside(name), not_local);
        }
        for name in [
            "unsloth/Qwen3-8B-GGUF",
            "file:///etc/passwd",
            r"\\?\C:\x",
            "%2e%2e/x",
        ] {
            check(name, not_local);
        }
    }
}
