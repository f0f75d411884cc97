//! Models split over several files, `NAME-00001-of-00003.gguf`: every file is there, is the one that its
//! number says, and together they hold the tensors announced.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::error::GgufError;
use super::parse::Parsed;
use super::value::GgufValue;
use super::{GgufHeader, parse_file};
use crate::models::quant::{shard_name, split_shard};

const NO: &str = "split.no";
const COUNT: &str = "split.count";
const TENSORS: &str = "split.tensors.count";

/// Parses the second to last file of a split model, whose first one is given. Empty for other models.
pub(super) fn parse_others(
    path: &Path,
    first: &Parsed,
    should_stop: &dyn Fn() -> bool,
) -> Result<Vec<(PathBuf, Parsed)>, GgufError> {
    let count = number(first, COUNT)?.unwrap_or(1);
    if count <= 1 {
        return Ok(Vec::new());
    }
    let no = number(first, NO)?.unwrap_or(0);
    if no != 0 {
        return fail(
            path,
            format!(
                "this is file {} of {count}; give the first one",
                u32::from(no) + 1
            ),
        );
    }
    // llama.cpp finds the other files by name.
    let name = path.file_name().and_then(|name| name.to_str());
    let prefix = match name.and_then(split_shard) {
        Some((prefix, 1, of)) if of == u32::from(count) => prefix,
        _ => {
            let wanted = shard_name("NAME", 1, count.into());
            return fail(
                path,
                format!("its name must be {wanted}, as it was published"),
            );
        }
    };
    let mut others = Vec::new();
    for index in 1..count {
        let path = path.with_file_name(shard_name(prefix, u32::from(index) + 1, count.into()));
        match parse_shard(&path, index, count, should_stop) {
            Ok(parsed) => others.push((path, parsed)),
            Err(error @ (GgufError::Split { .. } | GgufError::Stopped)) => return Err(error),
            Err(source) => {
                let source = Box::new(source);
                return Err(GgufError::Shard { path, source });
            }
        }
    }
    Ok(others)
}

fn parse_shard(
    path: &Path,
    index: u16,
    count: u16,
    should_stop: &dyn Fn() -> bool,
) -> Result<Parsed, GgufError> {
    let parsed = parse_file(path, should_stop)?;
    match number(&parsed, NO)? {
        Some(no) if no == index => {}
        Some(no) => {
            let reason = format!(
                "by its name it is file {}, by its content file {}",
                u32::from(index) + 1,
                u32::from(no) + 1
            );
            return fail(path, reason);
        }
        None => return Err(GgufError::MissingKey(NO.to_owned())),
    }
    match number(&parsed, COUNT)? {
        Some(of) if of != count => fail(path, format!("it is of {of} files, the first of {count}")),
        _ => Ok(parsed),
    }
}

/// Adds the tensors of the other files to the first file's header.
pub(super) fn append(
    header: &mut GgufHeader,
    others: Vec<(PathBuf, Parsed)>,
) -> Result<(), GgufError> {
    if others.is_empty() {
        return Ok(());
    }
    for (path, mut parsed) in others {
        header.shards.push(path);
        for tensor in &mut parsed.tensors {
            tensor.shard = header.shards.len() - 1;
        }
        header.add(parsed.tensors, parsed.file_bytes);
    }
    let mut names = HashSet::new();
    for tensor in &header.tensors {
        if !names.insert(&tensor.name) {
            let reason = "two files of the split model hold it";
            return Err(GgufError::tensor(&tensor.name, reason));
        }
    }
    let found = header.tensors.len();
    match header.metadata.get(TENSORS) {
        Some(&GgufValue::I32(n)) if usize::try_from(n) == Ok(found) => Ok(()),
        Some(&GgufValue::I32(n)) => fail(
            &header.shards[0],
            format!("it announces {n} tensors, its files hold {found}"),
        ),
        _ => Err(GgufError::MissingKey(TENSORS.to_owned())),
    }
}

/// A 16-bit number: llama.cpp aborts on any other type.
fn number(parsed: &Parsed, key: &str) -> Result<Option<u16>, GgufError> {
    match parsed.metadata.get(key) {
        None => Ok(None),
        Some(&GgufValue::U16(n)) => Ok(Some(n)),
        Some(_) => Err(GgufError::value(
            key,
            "it must be an unsigned 16-bit number",
        )),
    }
}

fn fail<T>(path: &Path, reason: String) -> Result<T, GgufError> {
    Err(GgufError::Split {
        path: path.to_owned(),
        reason,
    })
}
