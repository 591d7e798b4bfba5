//! What a daemon lacks is told with its beginning, and a restart does not forget that.

use crate::pages::Daemon;
use crate::scene::Scene;

const GOAL: &str = "evenkeel_goal_held_back_since_timestamp_seconds";
const GAP: &str = "evenkeel_observation_gap_since_timestamp_seconds";

fn settings(scene: &Scene, port: u16) -> String {
    format!(
        "[clusters.sim]\nbootstrap = \"{}\"\nmode = \"propose\"\nload-window = \"0s\"\ngoals = \"default\"\n\
         [clusters.sim.metrics]\nendpoints = [\"http://{{host}}:{port}/metrics\"]\n",
        scene.first_address()
    )
}

#[test]
fn a_restart_does_not_forget_since_when_metrics_are_missing() {
    let scene = Scene::new();
    // Nobody listens there.
    let text = settings(&scene, 9);
    let daemon = Daemon::start(&scene, &text);
    let told = daemon.wait_until("what is lacking", |scrape| {
        let is_told = |family: &str| scrape.keys().any(|name| name.starts_with(family));
        is_told(GOAL) && is_told(GAP)
    });
    let lacking: Vec<(&String, &f64)> =
        told.iter().filter(|(name, _)| name.starts_with(GOAL) || name.starts_with(GAP)).collect();
    let broker = format!("{GAP}{{cluster=sim,kind=network-load,subject=broker 0}}");
    assert!(told.contains_key(&broker), "{lacking:#?}");
    drop(daemon);

    std::thread::sleep(std::time::Duration::from_millis(1100));
    let daemon = Daemon::start(&scene, &text);
    let again = daemon.wait_until("it once more", |scrape| scrape.contains_key(&broker));
    for (name, since) in lacking {
        assert_eq!(again.get(name), Some(since), "{name} began anew");
    }
    let status = scene.says(0, &["status"]);
    let lines: Vec<&str> = status.lines().collect();
    let from =
        lines.iter().position(|line| line.starts_with("Lacking")).unwrap_or_else(|| panic!("{status}"));
    let section = lines[from..].join(" ");
    assert!(section.contains(" held back since 20") && section.contains("(0 min)"), "{status}");
    assert!(section.contains("network load of broker 0 not seen since 20"), "{status}");
    let view = scene.status();
    let first = &view["lacking"][0];
    assert!(
        first["since"].is_string() && first["lacks"] == "goal" && first["reason"].is_string(),
        "{view:#}"
    );
}
