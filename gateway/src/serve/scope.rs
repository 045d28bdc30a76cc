//! What a role may do, and whom it may see. Every query about people goes through here (P10).

use super::caller::Grant;
use crate::{
    domain::{CareLevel, Registered},
    store::{
        Reader, RegistryKey, Role, StoreError,
        view::{Paging, Scope},
    },
};

/// One thing that a role may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// Post readings.
    Deliver,
    /// See people and their readings, within the scope.
    ReadPeople,
    /// See alerts, within the scope, as much of them as the view shows.
    ReadAlerts,
    /// See counted numbers.
    ReadBoard,
    /// See what a place answers for.
    ReadIndicators,
    /// See what waits in quarantine and what was refused.
    ReadHeld,
    /// Decide what waits in quarantine.
    Decide,
    /// Take an alert.
    Ack,
    /// Hand an alert on.
    Forward,
    /// Write something down about an alert.
    Note,
    /// Enter a formal follow-up.
    FollowUp,
    /// Enter what somebody paid.
    Money,
    /// Enter what was done at a bench.
    SiteAct,
    /// Say that something was entered by mistake.
    Void,
    /// Hand up what a gateway below has.
    Uplink,
    /// Look beyond one's own people for a while, with a reason that is kept.
    BreakGlass,
    /// See who may sign in, and end that.
    ManageAccounts,
    /// See who looked at whom.
    ReadAudit,
}

impl Right {
    const ALL: [Self; 18] = [
        Self::Deliver,
        Self::ReadPeople,
        Self::ReadAlerts,
        Self::ReadBoard,
        Self::ReadIndicators,
        Self::ReadHeld,
        Self::Decide,
        Self::Ack,
        Self::Forward,
        Self::Note,
        Self::FollowUp,
        Self::Money,
        Self::SiteAct,
        Self::Void,
        Self::Uplink,
        Self::BreakGlass,
        Self::ManageAccounts,
        Self::ReadAudit,
    ];

    /// The right of a name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.as_str() == name)
    }

    /// The right's name in `GET /api/v1/me` and in the OpenAPI document.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::ReadPeople => "read_people",
            Self::ReadAlerts => "read_alerts",
            Self::ReadBoard => "read_board",
            Self::ReadIndicators => "read_indicators",
            Self::ReadHeld => "read_held",
            Self::Decide => "decide",
            Self::Ack => "ack",
            Self::Forward => "forward",
            Self::Note => "note",
            Self::FollowUp => "follow_up",
            Self::Money => "money",
            Self::SiteAct => "site_act",
            Self::Void => "void",
            Self::Uplink => "uplink",
            Self::BreakGlass => "break_glass",
            Self::ManageAccounts => "manage_accounts",
            Self::ReadAudit => "read_audit",
        }
    }
}

/// How much of an event or an item a caller may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum View {
    /// Names and values of those in scope.
    Full,
    /// Level, household, village, state and dates: an assistance office. Never a value, nor a word
    /// from which one can be told.
    Households,
    /// Level, case code, owner and deadline: a wall.
    Codes,
    /// Counted numbers alone.
    Counts,
}

/// What of the deployment decides about rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct House {
    /// `demo` and `--dev`.
    pub(super) open: bool,
    /// The operator is split into two.
    pub(super) separate_powers: bool,
}

/// What a caller may do and see, resolved against the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    /// Rows about people.
    pub(super) people: Scope,
    /// Counted numbers, and for a wall the codes of alerts.
    pub(super) board: Scope,
    /// How much of a row.
    pub(super) view: View,
    rights: &'static [Right],
}

impl Reach {
    pub(super) fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// Every right.
    pub(super) const fn all(&self) -> &'static [Right] {
        self.rights
    }

    pub(super) fn rights(&self) -> Vec<&'static str> {
        self.rights.iter().map(|right| right.as_str()).collect()
    }

    /// Whoever must choose a password first, and may do nothing else.
    pub(super) const NOTHING: Self =
        Self { people: Scope::Nobody, board: Scope::Nobody, view: View::Counts, rights: &[] };

    /// The same with the glass broken: everybody is seen, and nothing can be done about them.
    pub(super) fn beyond(&self) -> Self {
        let looks = if self.may(Right::ReadPeople) { BEYOND } else { &[] };
        Self::new(Scope::Everything, self.view, looks)
    }

    /// Resolves a grant. In an open house an operator has every right (`demo`, `--dev`); where powers
    /// are separate, none.
    pub(super) fn of(grant: &Grant, house: House, reader: &dyn Reader) -> Result<Self, StoreError> {
        if house.open && grant.role == Role::Operator {
            return Ok(Self::new(Scope::Everything, View::Full, &Right::ALL));
        }
        let place = || grant.place.clone().map_or(Scope::Nobody, Scope::Place);
        let everything_or_place = || grant.place.clone().map_or(Scope::Everything, Scope::Place);
        Ok(match grant.role {
            Role::Device => Self::new(Scope::Nobody, View::Counts, DEVICE),
            Role::Nurse => Self::new(place(), View::Full, NURSE),
            Role::Doctor => match doctors_scope(grant, reader)? {
                place @ Scope::Place(_) => Self::new(place, View::Full, LEAD),
                own @ (Scope::Everything | Scope::Doctor(_) | Scope::Nobody) => {
                    Self::new(own, View::Full, DOCTOR)
                }
            },
            Role::Township => Self::new(place(), View::Full, TOWNSHIP),
            Role::County => Self::counts(place(), View::Counts, COUNTS),
            Role::Team => Self::new(teams_scope(grant, reader)?, View::Full, TEAM),
            Role::Operator if house.separate_powers => Self::NOTHING,
            Role::Operator => Self::counts(everything_or_place(), View::Counts, OPERATOR),
            Role::System => Self::counts(everything_or_place(), View::Counts, SYSTEM),
            Role::Security => Self::counts(Scope::Nobody, View::Counts, &[Right::ManageAccounts]),
            // The log is of everybody: who audits one place does not read it.
            Role::Auditor if grant.place.is_none() => {
                Self::counts(Scope::Everything, View::Counts, AUDITOR)
            }
            Role::Auditor => Self::counts(place(), View::Counts, COUNTS),
            Role::Assistant => {
                let place = place();
                Self { people: place.clone(), board: place, view: View::Households, rights: OFFICE }
            }
            Role::Wall => Self::counts(everything_or_place(), View::Codes, &[Right::ReadBoard]),
        })
    }

    fn new(scope: Scope, view: View, rights: &'static [Right]) -> Self {
        Self { people: scope.clone(), board: scope, view, rights }
    }

    fn counts(board: Scope, view: View, rights: &'static [Right]) -> Self {
        Self { people: Scope::Nobody, board, view, rights }
    }
}

/// A device; a gateway below this one has a token of that role too.
const DEVICE: &[Right] = &[Right::Deliver, Right::Uplink];
const NURSE: &[Right] = &[
    Right::Deliver,
    Right::ReadPeople,
    Right::ReadAlerts,
    Right::ReadBoard,
    Right::ReadHeld,
    Right::Decide,
    Right::Forward,
    Right::Note,
    Right::FollowUp,
    Right::SiteAct,
    Right::Void,
    Right::BreakGlass,
];
const DOCTOR: &[Right] = &[
    Right::ReadPeople,
    Right::ReadAlerts,
    Right::ReadBoard,
    Right::ReadHeld,
    Right::Decide,
    Right::Ack,
    Right::Forward,
    Right::Note,
    Right::FollowUp,
    Right::SiteAct,
    Right::Void,
    Right::BreakGlass,
];
/// A doctor above the village answers for a place too.
const LEAD: &[Right] = &[
    Right::ReadPeople,
    Right::ReadAlerts,
    Right::ReadBoard,
    Right::ReadIndicators,
    Right::ReadHeld,
    Right::Decide,
    Right::Ack,
    Right::Forward,
    Right::Note,
    Right::FollowUp,
    Right::Money,
    Right::SiteAct,
    Right::Void,
    Right::BreakGlass,
];
const TOWNSHIP: &[Right] = &[
    Right::ReadPeople,
    Right::ReadAlerts,
    Right::ReadBoard,
    Right::ReadIndicators,
    Right::ReadHeld,
    Right::Decide,
    Right::Forward,
    Right::Note,
    Right::Money,
    Right::Void,
    Right::BreakGlass,
];
/// The assistance office.
const OFFICE: &[Right] = &[Right::ReadAlerts, Right::ReadBoard];
const COUNTS: &[Right] = &[Right::ReadBoard, Right::ReadIndicators];
const AUDITOR: &[Right] = &[Right::ReadBoard, Right::ReadIndicators, Right::ReadAudit];
const OPERATOR: &[Right] =
    &[Right::ReadBoard, Right::ReadIndicators, Right::ReadHeld, Right::ManageAccounts];
/// Runs the gateway: counted numbers, and what was refused, without its bytes.
const SYSTEM: &[Right] = &[Right::ReadBoard, Right::ReadIndicators, Right::ReadHeld];
/// The members of a team look after the same people; an alert is taken by its doctor.
const TEAM: &[Right] = &[
    Right::ReadPeople,
    Right::ReadAlerts,
    Right::ReadBoard,
    Right::ReadIndicators,
    Right::ReadHeld,
    Right::Decide,
    Right::Forward,
    Right::Note,
    Right::FollowUp,
    Right::SiteAct,
    Right::Void,
    Right::BreakGlass,
];
/// What is left to whoever broke the glass.
const BEYOND: &[Right] =
    &[Right::ReadPeople, Right::ReadAlerts, Right::ReadBoard, Right::BreakGlass];

/// Whether any person lives in the place, by the words of the sites. A county that no site names
/// holds nobody: its doctor sees those whose alerts came to them.
fn reaches_people(reader: &dyn Reader, place: &str) -> Result<bool, StoreError> {
    if place.is_empty() {
        return Ok(false);
    }
    let one = Paging { limit: 1, after: None };
    let people = reader.people(&Scope::Place(place.to_owned()), "", &one)?;
    Ok(!people.items.is_empty())
}

/// The people of the place that a team serves; a team that the registry lacks serves nobody.
fn teams_scope(grant: &Grant, reader: &dyn Reader) -> Result<Scope, StoreError> {
    let Some(team) = &grant.place else { return Ok(Scope::Nobody) };
    let key = RegistryKey::Other("team", team.into());
    let row = reader.registered(&Scope::Everything, &key)?;
    let Some(Registered::Team(row)) = row else { return Ok(Scope::Nobody) };
    Ok(if row.place.is_empty() { Scope::Nobody } else { Scope::Place(row.place) })
}

/// A doctor of the village level sees the households that signed with them, one above the people of
/// their place; whoever the registry lacks sees nobody.
fn doctors_scope(grant: &Grant, reader: &dyn Reader) -> Result<Scope, StoreError> {
    let Some(doctor) = &grant.doctor else { return Ok(Scope::Nobody) };
    let key = RegistryKey::Doctor(doctor.clone());
    let Some(Registered::Doctor(row)) = reader.registered(&Scope::Everything, &key)? else {
        return Ok(Scope::Nobody);
    };
    if row.is_office() {
        // An office has a token of role assistant; as a doctor it sees nobody.
        return Ok(Scope::Nobody);
    }
    Ok(match row.level {
        CareLevel::Village => Scope::Doctor(row.doctor),
        CareLevel::Township | CareLevel::County | CareLevel::City
            if reaches_people(reader, &row.place)? =>
        {
            Scope::Place(row.place)
        }
        CareLevel::Township | CareLevel::County | CareLevel::City => Scope::Doctor(row.doctor),
    })
}
