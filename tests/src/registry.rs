//! A small county that does not exist: registry files for `registry import`.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// How many people, and where messages go.
#[derive(Debug, Clone)]
pub struct County {
    /// People P000001 and on, one household each.
    pub people: u32,
    /// The village doctor's webhook, if they have one.
    pub village_webhook: Option<String>,
    /// The township doctor's.
    pub township_webhook: Option<String>,
}

/// Name of a person.
#[must_use]
pub fn person(number: u32) -> String {
    format!("P{number:06}")
}

impl County {
    /// Writes the files; returns kind and path in the order in which they are imported.
    ///
    /// # Panics
    /// When the folder cannot be written.
    #[must_use]
    pub fn write(&self, folder: &Path) -> Vec<(&'static str, PathBuf)> {
        let household = |number| format!("H{number:06},Stone Village,DR1\n");
        let one = |number| {
            let name = person(number);
            format!("{name},Person {number},female,1950-01-01,H{number:06},Stone Village\n")
        };
        let all = || 1..=self.people;
        let households =
            "household,village,doctor\n".to_owned() + &all().map(household).collect::<String>();
        let people = "person,name,sex,birth_date,household,village\n".to_owned()
            + &all().map(one).collect::<String>();
        let sites = "site,kind,name,village,township\n\
                     home,home,Homes,Stone Village,Stone Township\n\
                     V01,van,Van 1,Stone Village,Stone Township\n"
            .to_owned();
        let hook = |url: &Option<String>| match url {
            Some(url) => format!("{url},{}", crate::webhook::SECRET),
            None => ",".to_owned(),
        };
        let doctors = format!(
            "doctor,name,level,place,webhook,webhook_secret\nDR1,Doctor One,village,Stone \
             Village,{}\nT1,Doctor Two,township,Stone Township,{}\n",
            hook(&self.village_webhook),
            hook(&self.township_webhook)
        );
        let files = [
            ("sites", sites),
            ("doctors", doctors),
            ("households", households),
            ("people", people),
        ];
        let write = |(kind, text): (&'static str, String)| {
            let path = folder.join(format!("{kind}.csv"));
            fs::write(&path, text).unwrap();
            (kind, path)
        };
        files.into_iter().map(write).collect()
    }
}
