//! The township's registry as rows and as the CSV files that `xunzhen registry import` takes
//! (DESIGN section 9). Nobody in it exists.

use fastrand::Rng;

use crate::{body::Body, chance::happens};

/// People of the township: `P000001` to `P000100`.
pub const PEOPLE: u32 = 100;
/// The township.
pub const TOWNSHIP: &str = "青石镇";
/// Its villages, each with its clinic, its homes and its doctor.
pub const VILLAGES: [Village; 2] = [
    Village { name: "东沟村", clinic: "CL-DG", homes: "HM-DG", doctor: "DR1" },
    Village { name: "西坪村", clinic: "CL-XP", homes: "HM-XP", doctor: "DR2" },
];
/// The van.
pub const VAN: &str = "VAN1";

/// Share of people with hypertension and with diabetes, in thousandths; assumed, for a screening
/// programme that follows the known sick.
const HYPERTENSIVE_PER_MILLE: u16 = 600;
/// See [`HYPERTENSIVE_PER_MILLE`].
const DIABETIC_PER_MILLE: u16 = 250;
/// Share of treated people among the sick, in thousandths; assumed.
const TREATED_PER_MILLE: u16 = 700;
/// People of one household; assumed.
const HOUSEHOLD: u32 = 3;

const SURNAMES: [&str; 12] =
    ["王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙"];
const GIVEN: [&str; 16] = [
    "桂英", "秀兰", "建国", "玉梅", "志强", "春花", "德福", "金凤", "永贵", "小红", "长河", "素芬",
    "明山", "丽华", "有才", "翠萍",
];
const CAUSES: [&str; 5] = ["illness", "disability", "education", "labour", "funds"];

/// A village.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Village {
    /// Its name.
    pub name: &'static str,
    /// The site id of its clinic.
    pub clinic: &'static str,
    /// The site id under which the homes report.
    pub homes: &'static str,
    /// Its doctor.
    pub doctor: &'static str,
}

/// One person, with the body that the registry does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// `P000001` and so on.
    pub id: String,
    /// Name.
    pub name: String,
    /// `male` or `female`.
    pub sex: &'static str,
    /// Birth date, as 1955-03-02.
    pub birth_date: String,
    /// The household.
    pub household: String,
    /// The village.
    pub village: Village,
    /// Has hypertension.
    pub hypertensive: bool,
    /// Has diabetes.
    pub diabetic: bool,
    /// Takes medicine for it.
    pub treated: bool,
    /// The class: `C1`, `C2` or `C3`.
    pub cohort: &'static str,
    /// The number on the card.
    pub card: String,
    /// The telephone number.
    pub phone: String,
    /// What cuffs and meters will find.
    pub body: Body,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub id: &'static str,
    /// What selects among the meanings of its frames.
    pub model: &'static str,
    /// Where it reports.
    pub site: &'static str,
    /// The bench where it is shared.
    pub bench: Option<&'static str>,
    /// Whose it is, where it is not shared.
    pub owner: Option<String>,
}

/// Everything that is imported before the day begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// People.
    pub people: Vec<Person>,
    /// Devices.
    pub devices: Vec<Device>,
}

/// The kinds of files, in the order in which they are imported, so that every name is known before
/// it is used.
pub const KINDS: [&str; 6] = ["doctors", "households", "sites", "people", "devices", "cards"];

impl Person {
    fn born(rng: &mut Rng, number: u32) -> Self {
        let (hypertensive, diabetic) =
            (happens(rng, HYPERTENSIVE_PER_MILLE), happens(rng, DIABETIC_PER_MILLE));
        let surname = rng.choice(SURNAMES).unwrap_or("王");
        let given = rng.choice(GIVEN).unwrap_or("建国");
        let household = (number - 1) / HOUSEHOLD + 1;
        let [first, second] = VILLAGES;
        Self {
            id: format!("P{number:06}"),
            name: format!("{surname}{given}"),
            sex: if rng.bool() { "female" } else { "male" },
            birth_date: format!(
                "{}-{:02}-{:02}",
                rng.u16(1938..1975),
                rng.u8(1..=12),
                rng.u8(1..=28)
            ),
            household: format!("H{household:04}"),
            village: if household % 2 == 1 { first } else { second },
            hypertensive,
            diabetic,
            treated: happens(rng, TREATED_PER_MILLE),
            cohort: rng.choice(["C1", "C2", "C3"]).unwrap_or("C1"),
            card: format!("62170{number:07}"),
            phone: format!("1380000{number:04}"),
            body: Body::born(rng, hypertensive, diabetic),
        }
    }

    fn diagnoses(&self) -> String {
        dated(&[("htn", self.hypertensive), ("dm", self.diabetic)])
    }

    fn medicines(&self) -> String {
        dated(&[
            ("antihypertensive", self.treated && self.hypertensive),
            ("glucose_lowering", self.treated && self.diabetic),
        ])
    }
}

/// The codes that hold, as dated items; all since the programme began, until its planned end.
fn dated(codes: &[(&str, bool)]) -> String {
    let held = codes.iter().filter(|(_, held)| *held);
    let items: Vec<_> = held.map(|(code, _)| format!("{code}@2021-01-01..2035-12-31")).collect();
    items.join("|")
}

impl Registry {
    /// The people of a seed, without devices.
    pub(super) fn people(rng: &mut Rng) -> Vec<Person> {
        (1..=PEOPLE).map(|number| Person::born(rng, number)).collect()
    }

    /// One of [`KINDS`] as a CSV file; `None` for another kind.
    #[must_use]
    pub fn csv(&self, kind: &str) -> Option<String> {
        let (header, rows): (&str, Vec<Vec<String>>) = match kind {
            "doctors" => ("doctor,name,phone,level,place,webhook,webhook_secret,mqtt", doctors()),
            "households" => ("household,village,doctor,cause", self.households()),
            "sites" => ("site,kind,name,village,township,lat,lon", sites()),
            "people" => (
                "person,name,sex,birth_date,id_number,cards,phone,consent,household,village,\
                 diagnoses,medicines,cohorts,pregnant",
                self.people.iter().map(person_row).collect(),
            ),
            "devices" => {
                ("device,model,site,bench,owner", self.devices.iter().map(device_row).collect())
            }
            "cards" => (
                "card,person",
                self.people.iter().map(|one| vec![one.card.clone(), one.id.clone()]).collect(),
            ),
            _ => return None,
        };
        let lines = rows.iter().map(|row| row.join(","));
        let text: Vec<_> = std::iter::once(header.to_owned()).chain(lines).collect();
        Some(text.join("\n") + "\n")
    }

    fn households(&self) -> Vec<Vec<String>> {
        let firsts = self.people.iter().step_by(3);
        let row = |(number, person): (usize, &Person)| {
            let cause = CAUSES.iter().cycle().nth(number).copied().unwrap_or("illness");
            let Village { name, doctor, .. } = person.village;
            [&person.household, name, doctor, cause].map(str::to_owned).to_vec()
        };
        firsts.enumerate().map(row).collect()
    }
}

fn person_row(person: &Person) -> Vec<String> {
    vec![
        person.id.clone(),
        person.name.clone(),
        person.sex.to_owned(),
        person.birth_date.clone(),
        String::new(),
        String::new(),
        person.phone.clone(),
        "yes".to_owned(),
        person.household.clone(),
        person.village.name.to_owned(),
        person.diagnoses(),
        person.medicines(),
        dated(&[(person.cohort, true)]),
        String::new(),
    ]
}

fn device_row(device: &Device) -> Vec<String> {
    let Device { id, model, site, bench, owner } = device;
    let bench = bench.unwrap_or_default();
    let owner = owner.clone().unwrap_or_default();
    vec![(*id).to_owned(), (*model).to_owned(), (*site).to_owned(), bench.to_owned(), owner]
}

fn doctors() -> Vec<Vec<String>> {
    let row = |id: &str, name: &str, phone: &str, level: &str, place: &str| {
        [id, name, phone, level, place, "", "", "true"].map(str::to_owned).to_vec()
    };
    let [first, second] = VILLAGES;
    vec![
        row(first.doctor, "王医生", "13900000001", "village", first.name),
        row(second.doctor, "李医生", "13900000002", "village", second.name),
        row("DR3", "赵主任", "13900000003", "township", TOWNSHIP),
    ]
}

fn sites() -> Vec<Vec<String>> {
    let row = |id: &str, kind: &str, name: &str, village: &str, lat: &str, lon: &str| {
        [id, kind, name, village, TOWNSHIP, lat, lon].map(str::to_owned).to_vec()
    };
    let mut rows = vec![row(VAN, "van", "巡诊车1号", "", "", "")];
    for (Village { name, clinic, homes, .. }, (lat, lon)) in
        VILLAGES.into_iter().zip([("27.912", "107.231"), ("27.954", "107.188")])
    {
        rows.push(row(clinic, "clinic", &format!("{name}卫生室"), name, lat, lon));
        rows.push(row(homes, "home", &format!("{name}家庭"), name, "", ""));
    }
    rows
}
