//! How a store fails, and what the writer must do about it.

use std::{io, path::PathBuf};

/// A failure of the store. [`StoreError::is_full`] separates what may be tried again from what
/// ends the trust in the file.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk has no room: acknowledgements wait, nothing is lost, it goes on when there is room.
    #[error("no room for {what}")]
    Full {
        /// What did not fit.
        what: &'static str,
    },
    /// Another process holds the store for a moment.
    #[error("the store is busy with another process")]
    Busy,
    /// The database failed in a way that ends the trust in the file.
    #[error("{what} failed in the database")]
    Database {
        /// What was attempted.
        what: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file failed.
    #[error("{what} failed at {}", path.display())]
    File {
        /// What was attempted.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store was written by a newer program.
    #[error("the store has format {found}, this program knows up to {known}: use a newer program")]
    Newer {
        /// Format found.
        found: i64,
        /// Newest format known.
        known: i64,
    },
    /// A row does not say what its table promises.
    #[error("a row of {table} is damaged: {what}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// What is wrong with it. No patient value.
        what: String,
    },
    /// A reading with that id is already stored: ask [`held`](super::Unit::held) first.
    #[error("a reading with that id is already stored")]
    Duplicate,
    /// A question that the store cannot answer: a cursor of another list, a kind that does not
    /// exist, a change of something that is not there.
    #[error("{what}")]
    Asked {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A recount found something else than what is kept.
    #[error("a recount finds {found} differences, the first: {first}")]
    Differs {
        /// How many.
        found: usize,
        /// One of them.
        first: String,
    },
    /// Others on this machine may open what is ours.
    #[error("others may open {} (mode {mode:03o}): run chmod -R go= {} / 其他用户可打开此文件：请执行 \
             chmod -R go= {}", path.display(), folder.display(), folder.display())]
    Exposed {
        /// What they may open.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The data folder.
        folder: PathBuf,
    },
    /// There was a store in this folder, and it is gone: going on with an empty one would lose it in silence.
    #[error("{} is missing or empty, and this folder had a store: bring the file back, or restore the latest \
             copy into another folder (xunzhen backup restore); for an empty gateway take an empty folder / \
             数据库文件缺失或为空，而此目录曾有数据：请找回该文件，或用 backup restore 将最近的备份恢复到新目录；\
             如需空白网关，请换用空目录", path.display())]
    Gone {
        /// The database.
        path: PathBuf,
    },
    /// The keys of identities are not those of the store.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// Another server holds the folder.
    #[error("{} is in use by another xunzhen", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
}

/// What is wrong with the keys under which identities are sealed. Said to the operator as it is.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is none, and the store needs one.
    #[error("there is no identity key at {}; the store is sealed with {ids}: put its key file back, or \
             name it in [store] identity_key_file / {} 没有身份密钥，数据以 {ids} 加密：请放回密钥文件，\
             或在 [store] identity_key_file 中指定", path.display(), path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
        /// What the store is sealed with.
        ids: String,
    },
    /// There are others.
    #[error(
        "the store is sealed with identity key {wanted}, and {from} has {known}: use the key file \
             that belongs to this store / 数据以身份密钥 {wanted} 加密，而 {from} 为 {known}：请使用属于此\
             数据的密钥文件"
    )]
    Wrong {
        /// What the store is sealed with.
        wanted: String,
        /// What there is.
        known: String,
        /// Where it is from.
        from: String,
    },
    /// The file holds something else.
    #[error("{} holds no identity keys / {} 不是身份密钥文件", path.display(), path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The file is another program's to write.
    #[error("{} is handed over by systemd: add a line to the credential, restart, and the store is \
             sealed anew / {} 由 systemd 提供：请在凭据中追加一行并重启", path.display(), path.display())]
    Handed {
        /// The file.
        path: PathBuf,
    },
}

impl StoreError {
    /// Whether the question was wrong and the store is as good as before.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        matches!(self, Self::Asked { .. } | Self::Duplicate)
    }

    /// Whether the same unit may be tried again later without trusting less.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Busy)
    }
}
