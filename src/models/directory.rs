//! [`model_directory`]: where models live.

use std::path::PathBuf;

/// Where models live that rein fetched itself: `$REIN_HOME/models`, else below the user's data directory.
#[must_use]
pub fn model_directory() -> PathBuf {
    let home = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    home("REIN_HOME")
        .or_else(|| home("XDG_DATA_HOME").map(|data| data.join("rein")))
        .or_else(|| home("HOME").map(|home| home.join(".local/share/rein")))
        .unwrap_or_else(|| PathBuf::from(".rein"))
        .join("models")
}
