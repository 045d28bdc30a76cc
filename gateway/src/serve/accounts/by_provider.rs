//! Signing in at the identity provider: it says who somebody is, an account here says what they are.
//! It ends where the password does: in a code of the account's own, or in a session of its row. Why
//! somebody is refused is for the log; they are told that they are.

use std::sync::Arc;

use axum::http::StatusCode;
use tracing::{info, warn};

use super::{
    Shared, altered, passing,
    sign_in::{From, Passed, begun, of_address, open, ticket},
    throttle::Attempt,
};
use crate::{
    serve::{
        oidc::{Back, Fault, Oidc, Vouch},
        refusal::Refusal,
        secret,
    },
    store::{AccountName, AccountRow, Vouched},
};

/// Where somebody goes to sign in, and what their browser keeps.
pub(in crate::serve) async fn begin(
    shared: &Arc<Shared>,
    from: &From,
) -> Result<(String, String), Refusal> {
    let oidc = shared.settings.oidc.as_ref().ok_or(Refusal::not_found())?;
    let begun = oidc.begin(of_address(from.address), passing(shared)).await;
    begun.map_err(|fault| refused(&fault))
}

/// The provider sent somebody back.
pub(in crate::serve) async fn check_back(
    shared: &Arc<Shared>,
    kept: &str,
    back: &Back<'_>,
    from: &From,
) -> Result<Passed, Refusal> {
    let oidc = shared.settings.oidc.as_ref().ok_or(Refusal::not_found())?;
    // Nobody knows the account yet: only sources are counted, and each way back is another account.
    let source = of_address(from.address);
    let knock = Attempt { source, account: secret::hash(kept), marked: false };
    begun(shared, knock)?;
    let now = (passing(shared), shared.clock.now());
    let vouch = oidc.end(kept, back, now).await;
    if !matches!(vouch, Err(Fault::Refused(_))) {
        // Neither whoever is vouched for nor a provider that is away is a guess.
        shared.accounts.throttle().forgive(knock);
    }
    let vouch = vouch.map_err(|fault| refused(&fault))?;
    let row = account(shared, oidc, &vouch).await?;
    // From here on codes could be guessed, by somebody whom the provider lets in as them. What others
    // try with passwords is counted elsewhere, and cannot keep the owner out here.
    let account = secret::hash(&format!("vouched {}", row.name));
    let attempt = Attempt { source, account, marked: false };
    begun(shared, attempt)?;
    let alone = row.second.is_empty() && !shared.settings.accounts.second_factor;
    if vouch.second_factor || alone {
        open(shared, &row, attempt)
    } else {
        ticket(shared, &row, attempt)
    }
}

/// The account of whom the provider vouches for: bound to them, or open to the first of its name.
async fn account(shared: &Arc<Shared>, oidc: &Oidc, vouch: &Vouch) -> Result<AccountRow, Refusal> {
    let subject = vouch.subject.clone();
    let by = Vouched::By { issuer: oidc.issuer().to_owned(), subject };
    let asked = by.clone();
    let bound = shared.ask(move |shared| shared.reader.account_of(&asked)).await?;
    let none = |why: &str| refused(&Fault::Refused(why.to_owned()));
    if let Some(row) = bound {
        return if row.disabled { Err(none("the account is disabled")) } else { Ok(row) };
    }
    let name = vouch.name.as_deref().and_then(|name| AccountName::new(name).ok());
    let name = name.ok_or_else(|| none("no account is bound to them, and they have no name"))?;
    let bound = altered(shared, name, "oidc", |row| {
        if row.vouched != Vouched::Open || row.disabled {
            return Err(none("no account is bound to them or open to them"));
        }
        row.vouched = by;
        Ok(())
    });
    let row = bound.await?.ok_or_else(|| none("there is no account of their name"))?;
    info!(target: "audit", account = %row.name, "bound to who signed in at the provider");
    Ok(row)
}

/// One answer for whatever was wrong, and one for a provider that is not there.
fn refused(fault: &Fault) -> Refusal {
    match fault {
        Fault::Refused(why) => {
            warn!(target: "audit", %why, "a sign-in by the provider was refused");
            Refusal::new(
                StatusCode::UNAUTHORIZED,
                "provider_refused",
                "signing in at the identity provider opened no account here: begin again, or ask whoever gives access",
                "统一身份认证未能打开本系统账号，请重新登录或联系账号管理员",
            )
        }
        Fault::Unreachable(why) => {
            warn!(%why, "the identity provider cannot be asked");
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "provider_unreachable",
                "the identity provider cannot be reached: sign in with a password, or try again later",
                "统一身份认证暂时无法访问，请使用密码登录或稍后再试",
            )
        }
        Fault::Random(error) => Refusal::broken(error),
    }
}
