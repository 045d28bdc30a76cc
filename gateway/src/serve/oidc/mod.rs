//! An identity provider (`OpenID` Connect): authorisation code with PKCE, and an ID token that is
//! believed only after everything about it was checked (`token`).
//!
//! Nothing here knows an account: what comes out is a subject that the configured issuer vouches for.
//! The provider is asked when somebody signs in, never before, so that the gateway starts and works
//! without it. It is asked at its own addresses only, never along a redirect, and every answer is
//! bounded in time and size.

mod ask;
mod flow;
mod token;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::Url;
use serde_json::Value;

pub use self::ask::NoClient;
use self::{
    ask::{Client, endpoint},
    flow::{Flow, Flows},
    token::{Expected, Key, Wrong, keys, verified},
};
use super::secret::NoRandomness;
use crate::{
    domain::{Millis, Timestamp},
    secrets::Secret,
};

/// What the provider says of itself, and its keys, are asked for again after so long.
const KNOWN_FOR: Millis = Millis::hours(1);

/// A token under an unknown key has the keys asked for again, at most so often.
const KEYS_AGAIN: Millis = Millis::minutes(1);

/// `[oidc]`, with everything that its files hold.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// The provider, exactly as it names itself.
    pub issuer: String,
    /// As it knows us.
    pub client_id: String,
    /// What we prove it by; `None`: PKCE alone.
    pub client_secret: Option<Secret<String>>,
    /// Whose value is the account's name, at the first sign-in of one that is open.
    pub claim: String,
    /// Its word that there was a second factor spares ours.
    pub believes_second_factor: bool,
    /// Values of `acr` that say so, beside `mfa` in `amr`.
    pub acr: Vec<String>,
    /// Where it sends people back to, exactly as registered there.
    pub redirect_uri: String,
    /// Who alone vouches for its address; `None`: the machine's authorities.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

/// Why nobody is signed in. Holds nothing that a provider said of somebody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// It cannot be asked, or answers nonsense.
    #[error("the provider cannot be asked: {0}")]
    Unreachable(String),
    /// It, or its token, says no.
    #[error("{0}")]
    Refused(String),
    /// The system gives no randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

impl From<Wrong> for Fault {
    fn from(wrong: Wrong) -> Self {
        Self::Refused(format!("the ID token is refused: {wrong}"))
    }
}

fn unreachable(why: impl Into<String>) -> Fault {
    Fault::Unreachable(why.into())
}

/// What a provider sent a browser back with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Back<'a> {
    pub(super) code: &'a str,
    pub(super) state: &'a str,
    /// Who says so (RFC 9207).
    pub(super) issuer: Option<&'a str>,
    /// Why there is no code.
    pub(super) error: Option<&'a str>,
}

/// Somebody for whom the provider vouches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vouch {
    /// Its name for them, for ever.
    pub(super) subject: String,
    /// The account's name, as it says.
    pub(super) name: Option<String>,
    /// It asked for a second factor, and we believe it.
    pub(super) second_factor: bool,
}

/// Where a provider is asked what.
#[derive(Debug)]
struct Provider {
    authorization: Url,
    token: Url,
    keys: Url,
    user: Option<Url>,
    /// The secret goes into the form, where it takes none in the header.
    secret_in_form: bool,
    /// It says who it is when it sends somebody back.
    names_itself: bool,
}

#[derive(Debug, Default)]
struct Known {
    provider: Option<(Arc<Provider>, Timestamp)>,
    keys: Option<(Arc<Vec<Key>>, Timestamp)>,
}

/// The identity provider of this gateway.
#[derive(Debug)]
pub struct Oidc {
    settings: OidcSettings,
    client: Client,
    flows: Flows,
    known: Mutex<Known>,
}

impl Oidc {
    /// Asks nobody yet.
    ///
    /// # Errors
    /// [`NoClient`] when the HTTP client cannot be made.
    pub fn new(settings: OidcSettings) -> Result<Arc<Self>, NoClient> {
        let client = Client::new(settings.tls.as_deref())?;
        Ok(Arc::new(Self { settings, client, flows: Flows::default(), known: Mutex::default() }))
    }

    pub(super) fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// The provider's host, for people.
    pub(super) fn host(&self) -> &str {
        let rest = self.issuer().split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a sign-in: what the browser keeps, and where it goes.
    pub(super) async fn begin(
        &self,
        source: [u8; 32],
        now: Timestamp,
    ) -> Result<(String, String), Fault> {
        let provider = self.provider(now).await?;
        Ok(self.flows.begin(source, now, |flow| self.address(&provider, flow))?)
    }

    fn address(&self, provider: &Provider, flow: &Flow) -> String {
        let mut url = provider.authorization.clone();
        let of = &self.settings;
        let scope = match of.claim.as_str() {
            "sub" => "openid",
            "email" => "openid email",
            _ => "openid profile",
        };
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("response_type", "code");
        pairs.append_pair("client_id", &of.client_id);
        pairs.append_pair("redirect_uri", &of.redirect_uri);
        pairs.append_pair("scope", scope);
        pairs.append_pair("state", &flow.state);
        pairs.append_pair("nonce", &flow.nonce);
        pairs.append_pair("code_challenge", &flow.challenge());
        pairs.append_pair("code_challenge_method", "S256");
        if !of.acr.is_empty() {
            pairs.append_pair("acr_values", &of.acr.join(" "));
        }
        drop(pairs);
        url.into()
    }

    /// Ends a sign-in that this browser began, once. `passing` is time as it passes, `now` the clock's.
    pub(super) async fn end(
        &self,
        kept: &str,
        back: &Back<'_>,
        (passing, now): (Timestamp, Timestamp),
    ) -> Result<Vouch, Fault> {
        let refused = |why: &str| Fault::Refused(why.to_owned());
        let flow = self.flows.take(kept, back.state, passing);
        let flow = flow.ok_or(refused("no such sign-in was begun in this browser"))?;
        let provider = self.provider(passing).await?;
        let named = back.issuer.map(|issuer| issuer == self.issuer());
        if named == Some(false) || (named.is_none() && provider.names_itself) {
            return Err(refused("another provider sent the browser back"));
        }
        if let Some(error) = back.error {
            return Err(Fault::Refused(format!("the provider says {}", ask::word(error))));
        }
        let tokens = self.exchange(&provider, &flow, back.code).await?;
        let id_token = tokens.get("id_token").and_then(Value::as_str);
        let id_token = id_token.ok_or(refused("there is no ID token"))?;
        let expected = Expected {
            issuer: self.issuer(),
            client_id: &self.settings.client_id,
            nonce: &flow.nonce,
            now,
        };
        let claims = self.claims(&provider, id_token, &expected, passing).await?;
        self.vouch(&provider, &claims, &tokens).await
    }

    /// What the token says; under an unknown key, the keys are asked for once more.
    async fn claims(
        &self,
        provider: &Provider,
        token: &str,
        expected: &Expected<'_>,
        passing: Timestamp,
    ) -> Result<Value, Fault> {
        let keys = self.keys(provider, passing, KNOWN_FOR).await?;
        match verified(token, &keys, expected) {
            Err(Wrong::UnknownKey) => {
                let keys = self.keys(provider, passing, KEYS_AGAIN).await?;
                Ok(verified(token, &keys, expected)?)
            }
            other => Ok(other?),
        }
    }

    async fn vouch(
        &self,
        provider: &Provider,
        claims: &Value,
        tokens: &Value,
    ) -> Result<Vouch, Fault> {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        let mut name = named(claims, &self.settings.claim);
        let access = tokens.get("access_token").and_then(Value::as_str);
        // Many say in the token only who it is, and the rest when asked for it (section 5.4).
        if let (None, Some(url), Some(access)) = (&name, &provider.user, access) {
            let told = self.client.get(url, Some(access)).await?;
            if told.get("sub").and_then(Value::as_str) != Some(subject) {
                return Err(Fault::Refused("the provider tells of somebody else".to_owned()));
            }
            name = named(&told, &self.settings.claim);
        }
        Ok(Vouch {
            subject: subject.to_owned(),
            name,
            second_factor: self.settings.believes_second_factor && self.says_two(claims),
        })
    }

    /// Whether the provider says that there was a second factor (RFC 8176).
    fn says_two(&self, claims: &Value) -> bool {
        let methods = claims.get("amr").and_then(Value::as_array);
        let level = claims.get("acr").and_then(Value::as_str);
        methods.is_some_and(|all| all.iter().any(|one| one == "mfa"))
            || level.is_some_and(|level| self.settings.acr.iter().any(|known| known == level))
    }

    async fn exchange(&self, provider: &Provider, flow: &Flow, code: &str) -> Result<Value, Fault> {
        let of = &self.settings;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &of.redirect_uri),
            ("code_verifier", &flow.verifier),
        ];
        let secret = of.client_secret.as_ref().map(|secret| secret.expose().as_str());
        let login = secret.filter(|_| !provider.secret_in_form);
        if login.is_none() {
            form.push(("client_id", &of.client_id));
            form.extend(secret.map(|secret| ("client_secret", secret)));
        }
        let login = login.map(|secret| (of.client_id.as_str(), secret));
        self.client.post(&provider.token, &form, login).await
    }

    /// What the provider says of itself (`OpenID` Connect Discovery 1.0).
    async fn provider(&self, now: Timestamp) -> Result<Arc<Provider>, Fault> {
        if let Some((provider, at)) = &self.known().provider
            && now.since(*at).0 < KNOWN_FOR.0
        {
            return Ok(Arc::clone(provider));
        }
        let base = self.issuer().trim_end_matches('/');
        let plain = base.starts_with("http://");
        let url = endpoint(&format!("{base}/.well-known/openid-configuration"), plain)?;
        let told = self.client.get(&url, None).await?;
        let provider = Arc::new(self.described(&told, plain)?);
        self.known().provider = Some((Arc::clone(&provider), now));
        Ok(provider)
    }

    fn described(&self, told: &Value, plain: bool) -> Result<Provider, Fault> {
        let said = |name: &str| told.get(name).and_then(Value::as_str);
        let at = |name: &str| {
            let text = said(name).ok_or_else(|| unreachable(format!("it names no {name}")))?;
            endpoint(text, plain)
        };
        // An absent list says what the standards take for granted.
        let takes = |name: &str, one: &str, absent: bool| {
            let list = told.get(name).and_then(Value::as_array);
            list.map_or(absent, |list| list.iter().any(|said| said == one))
        };
        if said("issuer") != Some(self.issuer()) {
            return Err(unreachable("it names another issuer than the configured one"));
        }
        if !takes("code_challenge_methods_supported", "S256", true) {
            return Err(unreachable("it does not take PKCE with S256"));
        }
        let methods = "token_endpoint_auth_methods_supported";
        let (header, form) = (
            takes(methods, "client_secret_basic", true),
            takes(methods, "client_secret_post", false),
        );
        if self.settings.client_secret.is_some() && !header && !form {
            return Err(unreachable("it takes a client secret neither as header nor in the form"));
        }
        let names_itself = told.get("authorization_response_iss_parameter_supported");
        Ok(Provider {
            authorization: at("authorization_endpoint")?,
            token: at("token_endpoint")?,
            keys: at("jwks_uri")?,
            user: said("userinfo_endpoint").map(|text| endpoint(text, plain)).transpose()?,
            secret_in_form: !header,
            names_itself: names_itself == Some(&Value::Bool(true)),
        })
    }

    /// The provider's keys, no older than this.
    async fn keys(
        &self,
        provider: &Provider,
        now: Timestamp,
        age_max: Millis,
    ) -> Result<Arc<Vec<Key>>, Fault> {
        if let Some((keys, at)) = &self.known().keys
            && now.since(*at).0 < age_max.0
        {
            return Ok(Arc::clone(keys));
        }
        let told = self.client.get(&provider.keys, None).await?;
        let keys = Arc::new(keys(&told));
        self.known().keys = Some((Arc::clone(&keys), now));
        Ok(keys)
    }
}

/// The account's name that claims say. An address counts only where the provider checked it.
fn named(claims: &Value, claim: &str) -> Option<String> {
    let checked = claim != "email" || claims.get("email_verified") == Some(&Value::Bool(true));
    claims.get(claim).and_then(Value::as_str).filter(|_| checked).map(str::to_owned)
}
