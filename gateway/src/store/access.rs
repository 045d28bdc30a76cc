//! Who may sign in with a password, and who looked beyond their own people: rows, not facts. They
//! judge nobody, and stay with the gateway whose people they are.

use smol_str::SmolStr;

use super::{
    BoxChange, Role, StoreError, TokenRow,
    view::{Page, Paging},
};
use crate::domain::{DoctorId, Id, Timestamp};

/// Marks the names of accounts.
#[derive(Debug)]
pub enum AccountKind {}

/// The name with which somebody signs in.
pub type AccountName = Id<AccountKind>;

/// Somebody who signs in with a password.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Random, made with the account: a later account of the same name is another one.
    pub key: [u8; 16],
    /// The name to sign in with.
    pub name: AccountName,
    /// What people call them.
    pub called: String,
    /// What they may do.
    pub role: Role,
    /// The place they are bound to, for a team its name in the registry.
    pub place: Option<String>,
    /// The doctor they are.
    pub doctor: Option<DoctorId>,
    /// What is kept of the password: the cost, the salt and the hash; empty: none opens it. Sealed on disk.
    pub password: String,
    /// Somebody else chose the password: they choose their own before anything else.
    pub must_change: bool,
    /// The secret of the second factor in base 32; empty: set up at the next sign-in. Sealed on disk.
    pub second: String,
    /// The newest step of 30 s whose code was used.
    pub second_step: i64,
    /// Whom an identity provider vouches for. Sealed on disk.
    pub vouched: Vouched,
    /// Nobody signs in.
    pub disabled: bool,
    /// Sessions opened under an earlier number have ended.
    pub generation: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: SmolStr,
    /// When it was changed last.
    pub changed_at: Timestamp,
    /// By whom.
    pub changed_by: SmolStr,
}

/// Whether an identity provider vouches for an account's owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Vouched {
    /// None does.
    #[default]
    No,
    /// Whoever signs in there first under the account's name is its owner from then on.
    Open,
    /// Its owner is this one alone.
    By {
        /// The provider, as it names itself.
        issuer: String,
        /// Its name for the owner, which holds no control character.
        subject: String,
    },
}

impl Vouched {
    /// As it is stored; empty where there is nothing to store.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::No => String::new(),
            Self::Open => "open".to_owned(),
            Self::By { issuer, subject } => format!("{issuer}\n{subject}"),
        }
    }

    /// What a stored text says.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        match (text, text.split_once('\n')) {
            ("", _) => Some(Self::No),
            ("open", _) => Some(Self::Open),
            (_, Some((issuer, subject))) => {
                Some(Self::By { issuer: issuer.to_owned(), subject: subject.to_owned() })
            }
            (_, None) => None,
        }
    }
}

impl std::fmt::Debug for AccountRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountRow").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Somebody looked beyond their own people, and said why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenGlass {
    /// From this instant.
    pub at: Timestamp,
    /// Until this instant, or until they ended it.
    pub until: Timestamp,
    /// Who: the name under which their acts are recorded.
    pub by: SmolStr,
    /// Their role.
    pub role: Role,
    /// Why, in their words.
    pub reason: String,
}

/// What changes about access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessChange {
    /// An account, as it stands now; inserted or replaced by its name.
    Account(Box<AccountRow>),
    /// Somebody broke the glass.
    Glass(BrokenGlass),
    /// A box got a code or a certificate.
    Box(BoxChange),
}

/// Accounts, who looked beyond their own, and tokens. A reader that does not say how refuses.
pub trait AccessReader {
    /// An account by its name.
    ///
    /// # Errors
    /// Any error of the store.
    fn account(&self, name: &AccountName) -> Result<Option<AccountRow>, StoreError> {
        none((name,))
    }

    /// The account that a provider vouches for in just this way.
    ///
    /// # Errors
    /// Any error of the store.
    fn account_of(&self, vouched: &Vouched) -> Result<Option<AccountRow>, StoreError> {
        none((vouched,))
    }

    /// Every account, by name.
    ///
    /// # Errors
    /// Any error of the store.
    fn accounts(&self, paging: &Paging) -> Result<Page<AccountRow>, StoreError> {
        none((paging,))
    }

    /// Who broke the glass, newest first.
    ///
    /// # Errors
    /// Any error of the store.
    fn broken_glass(&self, paging: &Paging) -> Result<Page<BrokenGlass>, StoreError> {
        none((paging,))
    }

    /// Every token, also those that ended, by hash.
    ///
    /// # Errors
    /// Any error of the store.
    fn tokens(&self, paging: &Paging) -> Result<Page<TokenRow>, StoreError> {
        none((paging,))
    }

    /// Followers whose name begins so, by name.
    ///
    /// # Errors
    /// Any error of the store.
    fn followers(&self, beginning: &str) -> Result<Vec<String>, StoreError> {
        none((beginning,))
    }
}

/// Where a page of tokens goes on.
pub(super) fn token_after(asked: &Paging) -> Result<Option<[u8; 32]>, StoreError> {
    let Some(after) = &asked.after else { return Ok(None) };
    let hash = blake3::Hash::from_hex(after);
    let foreign = StoreError::Asked { what: "the cursor is not one of this list" };
    let hash = hash.map_err(|_wrong| foreign)?;
    Ok(Some(*hash.as_bytes()))
}

/// The page of a token that ends it.
pub(super) fn token_page(row: &TokenRow) -> String {
    blake3::Hash::from_bytes(row.hash).to_hex().to_string()
}

fn none<A, T>(_asked: A) -> Result<T, StoreError> {
    Err(StoreError::Asked { what: "this reader knows no accounts" })
}
