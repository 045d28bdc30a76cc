//! Who may come in by MQTT, and what they may do there.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use smol_str::SmolStr;

use super::pieces::Core;
use crate::{
    domain::{DeviceId, DoctorId, Registered, Site, SiteId},
    intake::{
        Identity, Rights, Sites,
        mqtt::{self, Login, LoginError},
    },
    store::{RegistryKey, Role, TokenRow, view::Scope},
};

/// Checks log-ins: the name of a device, a site or a doctor, and a token. In `--dev` and `demo`
/// everybody may come in.
pub(super) fn authenticate(core: &Arc<Core>) -> mqtt::Authenticate {
    let core = Arc::clone(core);
    Arc::new(move |login: Login| -> BoxFuture<'static, Result<Identity, LoginError>> {
        let core = Arc::clone(&core);
        Box::pin(async move {
            if core.practice {
                let name = login.user.map_or_else(|| SmolStr::new(&login.client_id), SmolStr::from);
                return Ok(Identity { name, rights: Rights::Anyone });
            }
            let checked = tokio::task::spawn_blocking(move || check_login(&core, &login)).await;
            checked.map_err(|_ended| LoginError::Unavailable)?
        })
    })
}

fn check_login(core: &Core, login: &Login) -> Result<Identity, LoginError> {
    let (Some(user), Some(password)) = (&login.user, &login.password) else {
        return Err(LoginError::WrongCredentials);
    };
    let row = core
        .reader
        .token(blake3::hash(password).as_bytes())
        .map_err(|_store| LoginError::Unavailable)?
        .filter(|row| row.revoked_at.is_none())
        .ok_or(LoginError::WrongCredentials)?;
    let rights = rights(core, user, &row)?;
    Ok(Identity { name: SmolStr::new(user), rights })
}

fn rights(core: &Core, user: &str, row: &TokenRow) -> Result<Rights, LoginError> {
    let wrong = |_name| LoginError::WrongCredentials;
    match row.role {
        Role::Device => delivering(core, user, row),
        Role::Doctor => {
            let doctor = DoctorId::new(user).map_err(wrong)?;
            if row.doctor.as_ref() == Some(&doctor) {
                Ok(Rights::Doctor(doctor))
            } else {
                Err(LoginError::NotAuthorized)
            }
        }
        Role::Operator if !core.separate_powers => Ok(Rights::Operator),
        Role::Operator
        | Role::Team
        | Role::System
        | Role::Security
        | Role::Nurse
        | Role::Township
        | Role::County
        | Role::Auditor
        | Role::Wall
        | Role::Assistant => Err(LoginError::NotAuthorized),
    }
}

/// What a token of a device lets `user` send: as that device, or as the gateway of that site.
fn delivering(core: &Core, user: &str, row: &TokenRow) -> Result<Rights, LoginError> {
    let wrong = |_name| LoginError::WrongCredentials;
    let device = DeviceId::new(user).map_err(wrong)?;
    if row.device.as_ref().is_some_and(|bound| *bound != device) {
        return Err(LoginError::NotAuthorized);
    }
    if let Some(registered) = core.book.get(&device) {
        let site = registered.site.clone();
        let known = site.as_ref().map(|site| site_of(core, site)).transpose()?.flatten();
        within(row.place.as_deref(), site.as_ref(), known.as_ref())?;
        let sites = site.map_or(Sites::Any, |site| Sites::These([site].into()));
        return Ok(Rights::Device { device, sites, bench: registered.bench.clone() });
    }
    let site = SiteId::new(user).map_err(wrong)?;
    let known = site_of(core, &site)?.ok_or(LoginError::NotAuthorized)?;
    within(row.place.as_deref(), Some(&site), Some(&known))?;
    Ok(Rights::Gateway { name: device, sites: Sites::These([site].into()) })
}

fn site_of(core: &Core, site: &SiteId) -> Result<Option<Site>, LoginError> {
    let known = core.reader.registered(&Scope::Everything, &RegistryKey::Site(site.clone()));
    let row = known.map_err(|_store| LoginError::Unavailable)?;
    Ok(if let Some(Registered::Site(site)) = row { Some(site) } else { None })
}

/// Whether the place that a token is bound to is a site, or holds it.
fn within(
    place: Option<&str>,
    site: Option<&SiteId>,
    known: Option<&Site>,
) -> Result<(), LoginError> {
    let Some(place) = place else { return Ok(()) };
    let is_it = site.is_some_and(|site| site.as_str() == place);
    let holds = |site: &Site| {
        let county = site.attributes.get("county").map_or("", String::as_str);
        !place.is_empty() && [&*site.village, &*site.township, county].contains(&place)
    };
    if is_it || known.is_some_and(holds) { Ok(()) } else { Err(LoginError::NotAuthorized) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SiteRole;

    fn van() -> Site {
        Site {
            site: SiteId::new("van01").unwrap(),
            kind: SiteRole::Van,
            name: "van".to_owned(),
            village: String::new(),
            township: "Qingshi".to_owned(),
            lat: String::new(),
            lon: String::new(),
            session_minutes: None,
            attributes: [("county".to_owned(), "Yun".to_owned())].into(),
        }
    }

    #[track_caller]
    fn check(place: Option<&str>, known: bool, expected: bool) {
        let (van, id) = (van(), SiteId::new("van01").unwrap());
        let answer = within(place, Some(&id), known.then_some(&van));
        assert_eq!(answer.is_ok(), expected, "{place:?}");
    }

    #[test]
    fn a_token_of_a_place_lets_in_only_what_stands_there() {
        check(None, true, true);
        check(None, false, true);
        for place in ["van01", "Qingshi", "Yun"] {
            check(Some(place), true, true);
        }
        check(Some("van01"), false, true);
        check(Some("Qingshi"), false, false);
        for place in ["van02", "Other", "North", ""] {
            check(Some(place), true, false);
        }
    }

    #[test]
    fn a_token_of_a_place_lets_in_nothing_that_stands_nowhere() {
        assert_eq!(within(Some("Qingshi"), None, None), Err(LoginError::NotAuthorized));
        assert_eq!(within(None, None, None), Ok(()));
    }
}
