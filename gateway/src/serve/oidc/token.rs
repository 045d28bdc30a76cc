//! What an ID token says, believed only after everything about it was checked (`OpenID` Connect Core
//! 1.0, section 3.1.3.7; RFC 8725). Pure: the keys, the time and what is expected are passed in.
//!
//! Two algorithms, both with public keys: what `alg` says chooses among them and nothing else, so that
//! `none` and a MAC made with a public key are no token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

use crate::domain::{Millis, Timestamp};

/// Clocks of two servers may differ by so much.
const SKEW: Millis = Millis::seconds(60);

/// A token was made for the sign-in that just ends, which took no longer.
const AGE_MAX: Millis = Millis::minutes(10);

/// Longest name of somebody (`OpenID` Connect Core 1.0, section 2).
const SUBJECT_MAX: usize = 255;

/// Keys of a provider that are looked at.
const KEYS_MAX: usize = 32;

/// Why a token is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("it cannot be read")]
    Malformed,
    #[error("its algorithm is neither RS256 nor ES256")]
    Algorithm,
    #[error("no key of the provider has its name")]
    UnknownKey,
    #[error("its signature is not the provider's")]
    Signature,
    #[error("another provider made it")]
    Issuer,
    #[error("it is for somebody else")]
    Audience,
    #[error("it is of another time, or a clock is wrong")]
    Time,
    #[error("it belongs to another sign-in")]
    Nonce,
    #[error("it names nobody")]
    Subject,
}

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

/// A public key of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    id: Option<String>,
    public: Public,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point, uncompressed.
    P256(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Es256,
}

/// The keys of a set that may sign tokens (RFC 7517); what we do not know of it is left out.
pub(super) fn keys(set: &Value) -> Vec<Key> {
    let listed = set.get("keys").and_then(Value::as_array);
    listed.into_iter().flatten().take(KEYS_MAX).filter_map(key).collect()
}

fn key(one: &Value) -> Option<Key> {
    let said = |name: &str| one.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(said(name)?).ok();
    if said("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let (public, algorithm) = match said("kty")? {
        "RSA" => (Public::Rsa { n: bytes("n")?, e: bytes("e")? }, "RS256"),
        "EC" if said("crv")? == "P-256" => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            let point = [&[4], x.as_slice(), &y].concat();
            (Public::P256(point), "ES256")
        }
        _ => return None,
    };
    let fits = said("alg").is_none_or(|said| said == algorithm);
    fits.then(|| Key { id: said("kid").map(str::to_owned), public })
}

/// What a token says, if all of it holds.
pub(super) fn verified(token: &str, keys: &[Key], expected: &Expected<'_>) -> Result<Value, Wrong> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Wrong::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Wrong::Malformed)?;
    check_signature(&part(header)?, signed.as_bytes(), &bytes(signature)?, keys)?;
    let claims = part(claims)?;
    check_claims(&claims, expected)?;
    Ok(claims)
}

fn bytes(text: &str) -> Result<Vec<u8>, Wrong> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_no_base64| Wrong::Malformed)
}

fn part(text: &str) -> Result<Value, Wrong> {
    let value: Value =
        serde_json::from_slice(&bytes(text)?).map_err(|_no_json| Wrong::Malformed)?;
    if value.is_object() { Ok(value) } else { Err(Wrong::Malformed) }
}

fn check_signature(
    header: &Value,
    signed: &[u8],
    signature: &[u8],
    keys: &[Key],
) -> Result<(), Wrong> {
    let algorithm = match header.get("alg").and_then(Value::as_str) {
        Some("RS256") => Algorithm::Rs256,
        Some("ES256") => Algorithm::Es256,
        _ => return Err(Wrong::Algorithm),
    };
    // What must be understood and is not (RFC 7515, section 4.1.11).
    if header.get("crit").is_some() {
        return Err(Wrong::Malformed);
    }
    let named = header.get("kid").and_then(Value::as_str);
    let fits = |key: &&Key| {
        let kind = match key.public {
            Public::Rsa { .. } => Algorithm::Rs256,
            Public::P256(_) => Algorithm::Es256,
        };
        kind == algorithm && (named.is_none() || key.id.as_deref() == named)
    };
    let mut fitting = keys.iter().filter(fits).peekable();
    if fitting.peek().is_none() {
        return Err(Wrong::UnknownKey);
    }
    if fitting.any(|key| signs(key, signed, signature)) { Ok(()) } else { Err(Wrong::Signature) }
}

fn signs(key: &Key, signed: &[u8], signature: &[u8]) -> bool {
    let verified = match &key.public {
        Public::Rsa { n, e } => {
            RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
        }
        Public::P256(point) => {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
        }
    };
    verified.is_ok()
}

fn check_claims(claims: &Value, expected: &Expected<'_>) -> Result<(), Wrong> {
    let said = |name: &str| claims.get(name).and_then(Value::as_str);
    if said("iss") != Some(expected.issuer) {
        return Err(Wrong::Issuer);
    }
    if !is_for(claims, expected.client_id) {
        return Err(Wrong::Audience);
    }
    if !is_of_now(claims, expected.now) {
        return Err(Wrong::Time);
    }
    if said("nonce") != Some(expected.nonce) {
        return Err(Wrong::Nonce);
    }
    let subject = said("sub").filter(|subject| {
        (1..=SUBJECT_MAX).contains(&subject.len()) && !subject.contains(char::is_control)
    });
    subject.map(|_| ()).ok_or(Wrong::Subject)
}

/// A token for several is ours only where it says that it was given to us.
fn is_for(claims: &Value, client_id: &str) -> bool {
    let (listed, alone) = match claims.get("aud") {
        Some(Value::String(one)) => (one == client_id, true),
        Some(Value::Array(all)) => (all.iter().any(|one| one == client_id), all.len() == 1),
        _ => (false, false),
    };
    match claims.get("azp") {
        Some(party) => listed && party == client_id,
        None => listed && alone,
    }
}

fn is_of_now(claims: &Value, now: Timestamp) -> bool {
    let at = |name: &str| {
        // Whole seconds; providers may say a fraction.
        let said = claims.get(name)?;
        let seconds = said.as_i64().or_else(|| said.to_string().split('.').next()?.parse().ok())?;
        Some(Timestamp::from_millis(seconds.checked_mul(1000)?))
    };
    let (Some(made), Some(ends)) = (at("iat"), at("exp")) else { return false };
    let begins = if claims.get("nbf").is_some() { at("nbf") } else { Some(made) };
    let latest = now.plus(SKEW);
    ends > now.minus(SKEW)
        && made <= latest
        && made >= now.minus(AGE_MAX).minus(SKEW)
        && begins.is_some_and(|begins| begins <= latest)
}

#[cfg(test)]
mod tests {
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
    };
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn pair() -> EcdsaKeyPair {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap()
    }

    fn public(pair: &EcdsaKeyPair) -> Value {
        let point = pair.public_key().as_ref();
        let text = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        json!({"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256",
            "x": text(&point[1..33]), "y": text(&point[33..])})
    }

    fn claims() -> Value {
        json!({"iss": "https://id.example", "aud": "us", "sub": "u1", "nonce": "n",
            "iat": NOW - 5, "exp": NOW + 60})
    }

    fn unsigned(header: &Value, claims: &Value) -> String {
        let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", text(header), text(claims))
    }

    fn signed(pair: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
        let text = unsigned(header, claims);
        let signature = pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[track_caller]
    fn check(token: &str, keys: &[Key], expected: Option<Wrong>) {
        let now = Timestamp::from_millis(NOW * 1000);
        let wanted = Expected { issuer: "https://id.example", client_id: "us", nonce: "n", now };
        assert_eq!(verified(token, keys, &wanted).err(), expected, "{token}");
    }

    /// A token that differs from a good one in these claims; `null` takes one away.
    #[track_caller]
    fn check_claim(changed: &Value, expected: Option<Wrong>) {
        let pair = pair();
        let mut claims = claims();
        for (name, value) in changed.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        let token = signed(&pair, &json!({"alg": "ES256", "kid": "k1"}), &claims);
        check(&token, &keys(&json!({"keys": [public(&pair)]})), expected);
    }

    #[test]
    fn every_claim_must_be_what_was_asked_for() {
        check_claim(&json!({}), None);
        for (claim, wrong) in [
            (json!({"iss": "https://id.example/"}), Wrong::Issuer),
            (json!({"iss": null}), Wrong::Issuer),
            (json!({"aud": "them"}), Wrong::Audience),
            (json!({"aud": null}), Wrong::Audience),
            (json!({"aud": ["us", "them"]}), Wrong::Audience),
            (json!({"aud": ["us", "them"], "azp": "them"}), Wrong::Audience),
            (json!({"aud": "us", "azp": "them"}), Wrong::Audience),
            (json!({"nonce": "m"}), Wrong::Nonce),
            (json!({"nonce": null}), Wrong::Nonce),
            (json!({"exp": NOW - 60}), Wrong::Time),
            (json!({"exp": null}), Wrong::Time),
            (json!({"exp": "soon"}), Wrong::Time),
            (json!({"exp": i64::MAX}), Wrong::Time),
            (json!({"iat": NOW + 61}), Wrong::Time),
            (json!({"iat": NOW - 661}), Wrong::Time),
            (json!({"iat": null}), Wrong::Time),
            (json!({"nbf": NOW + 61}), Wrong::Time),
            (json!({"sub": ""}), Wrong::Subject),
            (json!({"sub": null}), Wrong::Subject),
            (json!({"sub": 7}), Wrong::Subject),
            (json!({"sub": "a\nb"}), Wrong::Subject),
            (json!({"sub": "x".repeat(256)}), Wrong::Subject),
        ] {
            check_claim(&claim, Some(wrong));
        }
        for claim in [
            json!({"aud": ["us"]}),
            json!({"aud": ["them", "us"], "azp": "us"}),
            json!({"exp": NOW - 59, "iat": NOW - 650}),
            json!({"iat": NOW + 60}),
            json!({"iat": f64::from(u32::try_from(NOW).unwrap()) + 0.5}),
        ] {
            check_claim(&claim, None);
        }
    }

    #[test]
    fn another_key_another_algorithm_and_none_are_no_signature() {
        let (pair, other) = (pair(), pair());
        let known = keys(&json!({"keys": [public(&pair)]}));
        let header = |alg: &str| json!({"alg": alg, "kid": "k1"});
        check(&signed(&pair, &header("ES256"), &claims()), &known, None);
        check(&signed(&pair, &json!({"alg": "ES256"}), &claims()), &known, None);
        check(&signed(&other, &header("ES256"), &claims()), &known, Some(Wrong::Signature));
        let unknown = json!({"alg": "ES256", "kid": "k2"});
        check(&signed(&pair, &unknown, &claims()), &known, Some(Wrong::UnknownKey));
        check(&signed(&pair, &header("ES256"), &claims()), &[], Some(Wrong::UnknownKey));
        for algorithm in ["none", "None", "HS256", "ES384", "PS256", ""] {
            let token = signed(&pair, &header(algorithm), &claims());
            check(&token, &known, Some(Wrong::Algorithm));
        }
        // A key of another kind under the same name is no key of this token.
        check(&signed(&pair, &header("RS256"), &claims()), &known, Some(Wrong::UnknownKey));
        // The public key as the secret of a MAC.
        let text = unsigned(&header("HS256"), &claims());
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, pair.public_key().as_ref());
        let mac = URL_SAFE_NO_PAD.encode(ring::hmac::sign(&secret, text.as_bytes()));
        check(&format!("{text}.{mac}"), &known, Some(Wrong::Algorithm));
        let critical = json!({"alg": "ES256", "kid": "k1", "crit": ["exp"]});
        check(&signed(&pair, &critical, &claims()), &known, Some(Wrong::Malformed));
    }

    /// A signature with RSA and its public key (RFC 7515, appendix A.2).
    const RS256_SIGNED: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const RS256_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const RS256_MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

    #[test]
    fn rsa_is_checked_as_the_standard_has_it() {
        let known =
            keys(&json!({"keys": [{"kty": "RSA", "n": RS256_MODULUS, "e": "AQAB", "use": "sig"}]}));
        let (header, _) = RS256_SIGNED.split_once('.').unwrap();
        let told = |signed: &str, signature: &str| {
            let signature = bytes(signature).unwrap();
            check_signature(&part(header).unwrap(), signed.as_bytes(), &signature, &known)
        };
        assert_eq!(told(RS256_SIGNED, RS256_SIGNATURE), Ok(()));
        assert_eq!(told(&RS256_SIGNED.replace('L', "M"), RS256_SIGNATURE), Err(Wrong::Signature));
        assert_eq!(told(RS256_SIGNED, &RS256_SIGNATURE.replace('L', "M")), Err(Wrong::Signature));
        assert_eq!(told(RS256_SIGNED, ""), Err(Wrong::Signature));
    }

    #[test]
    fn a_token_changed_in_any_byte_is_none() {
        let pair = pair();
        let known = keys(&json!({"keys": [public(&pair)]}));
        let token = signed(&pair, &json!({"alg": "ES256", "kid": "k1"}), &claims());
        let now = Timestamp::from_millis(NOW * 1000);
        let wanted = Expected { issuer: "https://id.example", client_id: "us", nonce: "n", now };
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(verified(&changed, &known, &wanted).is_err(), "{at}");
        }
        for text in ["", ".", "..", "a.b.c", "e30.e30.", &token.replace('.', "")] {
            assert!(verified(text, &known, &wanted).is_err(), "{text}");
        }
    }

    #[test]
    fn keys_for_other_purposes_are_left_out() {
        let point = public(&pair());
        let with = |name: &str, value: &str| {
            let mut key = point.clone();
            key[name] = value.into();
            keys(&json!({"keys": [key]})).len()
        };
        assert_eq!(with("kid", "other"), 1);
        for (name, value) in
            [("use", "enc"), ("crv", "P-384"), ("alg", "ES384"), ("kty", "oct"), ("x", "!")]
        {
            assert_eq!(with(name, value), 0, "{name} {value}");
        }
        let many: Vec<&Value> = std::iter::repeat_n(&point, 100).collect();
        assert_eq!(keys(&json!({"keys": many})).len(), KEYS_MAX);
        assert_eq!(keys(&json!({"keys": 7})), []);
    }
}
