//! `xunzhen rules shadow`: what a second pack, run beside the one in force, would have done.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::PathBuf,
};

use serde_json::{Value, json};

use super::{
    super::{Common, Failure, configure},
    picture::{LEVELS, bar},
};
use crate::{
    assess::{Concept, Pack},
    domain::{Clock, SiteId},
    trial::{Head, SiteReport, Split, by_site, read},
};

/// Report on the pack that runs beside the one in force
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Shadow {
    /// The data folder; a running gateway is not disturbed
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

/// `rules shadow`.
pub(super) fn run(command: &Shadow, common: &Common, out: &mut dyn Write) -> Result<(), Failure> {
    let flags = command.data_dir.as_ref().map(|dir| ("store.dir", dir.display().to_string()));
    let (config, _) = configure::read(common, flags.into_iter().collect())?;
    let found = read(&config.store.dir).map_err(|error| Failure::of(&error))?;
    let Some((head, records)) = found else {
        return Err(Failure::Failed(
            "no second pack has run here: set pack.shadow and restart the gateway / \
             此处尚未并行运行第二个规则包，请设置 pack.shadow 后重启"
                .to_owned(),
        ));
    };
    let sites = by_site(records.values());
    if command.json {
        writeln!(out, "{}", as_json(&head, &sites))?;
    } else {
        draw(&head, &sites, out)?;
    }
    Ok(())
}

type Sites = BTreeMap<Option<SiteId>, SiteReport>;

fn as_json(head: &Head, sites: &Sites) -> Value {
    let sites = sites.iter().map(|(site, report)| {
        let lines = report.lines.iter().map(|(concept, split)| {
            json!({ "concept": concept, "in_force_only": split.a_only,
                "shadow_only": split.b_only, "both": split.both,
                "other_level": split.other_level })
        });
        let levels = LEVELS.iter().zip(report.levels).map(|((level, _), [a, b])| {
            ((*level).to_owned(), json!({ "in_force": a, "shadow": b }))
        });
        json!({ "site": site, "people": report.people, "changed": report.changed,
            "lines": lines.collect::<Vec<_>>(),
            "levels": levels.collect::<serde_json::Map<_, _>>() })
    });
    json!({ "in_force": head.in_force, "shadow": head.shadow, "since": head.since,
        "only_sites": head.sites, "sites": sites.collect::<Vec<_>>() })
}

fn draw(head: &Head, sites: &Sites, out: &mut dyn Write) -> io::Result<()> {
    let days = Clock::system().now().shanghai_day().saturating_sub(head.since.shanghai_day());
    writeln!(out, "in force / 现行  {}", head.in_force.title)?;
    writeln!(out, "shadow / 并行    {} (sends nothing / 不外发)", head.shadow.title)?;
    writeln!(out, "since / 自 {} ({days} days)", head.since)?;
    let names = Pack::built_in().ok();
    let most = sites.values().flat_map(|site| site.lines.values());
    let most = most.flat_map(|split| [split.a_only, split.b_only]).max();
    for (site, report) in sites {
        let name = site.as_ref().map_or("(unknown / 不详)", |site| site.as_str());
        writeln!(
            out,
            "\n{name}: {} people, would change / 会变化 {} (- only in force, + only shadow)",
            report.people,
            report.changed.len()
        )?;
        for (concept, split) in &report.lines {
            let Split { a_only, b_only, both, .. } = *split;
            let rule = concept.parse::<Concept>().ok();
            let rule = rule.and_then(|concept| names.as_ref()?.rule(concept));
            let (line, zh) = rule.map_or((concept.as_str(), ""), |rule| (&rule.name, &rule.zh));
            let bars = [bar('-', a_only, most), bar('+', b_only, most)].concat();
            writeln!(out, "  {line:<6} -{a_only:<8} +{b_only:<8} ={both:<8} {bars} {zh}")?;
        }
        for ((en, zh), [a, b]) in LEVELS.iter().zip(report.levels).rev() {
            writeln!(out, "  {zh} {en:<7} in force {a:>7}  shadow {b:>7}")?;
        }
    }
    Ok(())
}
