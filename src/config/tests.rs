use super::*;
use pretty_assertions::assert_eq;

fn parse(variables: &[(&str, &str)]) -> Result<Config, String> {
    let (config, result) = parse_all(variables);
    result.map(|()| config)
}

fn parse_all(variables: &[(&str, &str)]) -> (Config, Result<(), String>) {
    let (config, result) = Config::parse(|name| {
        variables
            .iter()
            .find(|(variable, _)| *variable == name)
            .map(|(_, value)| value.into())
    });
    (config, result.map_err(|error| error.to_string()))
}

/// One thread looks at the switch for the first time while another sets it.
#[test]
fn a_switch_that_is_set_during_its_first_use_stays_so() {
    let is_unknown = |before| before == UNKNOWN;
    let switch = AtomicU8::new(UNKNOWN);
    assert_eq!(moved(&switch, GUARDED, |_| true), GUARDED);
    assert_eq!(moved(&switch, ON, is_unknown), GUARDED);
    assert_eq!(switch.load(Relaxed), GUARDED);
    // Nobody sets it: as the settings say.
    let switch = AtomicU8::new(UNKNOWN);
    assert_eq!(moved(&switch, ON, is_unknown), ON);
    assert_eq!(switch.load(Relaxed), ON);
}

#[test]
fn unset_and_empty_mean_the_default() {
    assert_eq!(parse(&[]), Ok(Config::default()));
    assert_eq!(
        parse(&[("TASKLEAK", ""), ("TASKLEAK_GRACE", "")]),
        Ok(Config::default())
    );
}

#[test]
fn every_variable_is_read() {
    let config = parse(&[
        ("TASKLEAK", "warn"),
        ("TASKLEAK_GRACE", "750ms"),
        ("TASKLEAK_BLOCKED", "off"),
        ("TASKLEAK_BACKTRACE", "off"),
        ("TASKLEAK_BACKTRACE_STYLE", "full"),
        ("TASKLEAK_RUN_ON_FAILURE", "1"),
        ("TASKLEAK_COLOR", "never"),
        ("TASKLEAK_ABORT", "0"),
        ("TASKLEAK_JSON", "leaks.jsonl"),
        ("TASKLEAK_ANNOTATIONS", "github"),
        ("TASKLEAK_MANAGER", "off"),
        ("TASKLEAK_INTERVAL", "1min"),
        ("TASKLEAK_GROWTH", "4"),
    ]);
    let expected = Config {
        mode: Mode::Warn,
        grace: Duration::from_millis(750),
        blocked: None,
        backtraces: Backtraces::Off,
        style: Style::Full,
        run_on_failure: true,
        color: Color::Never,
        abort: false,
        json: Some("leaks.jsonl".into()),
        annotations: Annotations::Github,
        manager: false,
        interval: Some(Duration::from_secs(60)),
        growth: 4,
    };
    assert_eq!(config, Ok(expected));
}

#[test]
fn a_bad_value_is_named_with_what_is_accepted() {
    assert_eq!(
        parse(&[("TASKLEAK", "yes")]).unwrap_err(),
        "the environment variable TASKLEAK is set to \"yes\", which taskleak does not \
         understand: it accepts `fail`, `warn` or `off`. Correct it, or unset it for the \
         default. Until then TASKLEAK has its default; all others hold."
    );
    assert_eq!(
        parse(&[("TASKLEAK_GRACE", "750")]).unwrap_err(),
        "the environment variable TASKLEAK_GRACE is set to \"750\", which taskleak does not \
         understand: it accepts a duration with its unit, such as `750ms` or `2s`. Correct \
         it, or unset it for the default. Until then TASKLEAK_GRACE has its default; all \
         others hold."
    );
    assert_eq!(
        parse(&[("TASKLEAK_BLOCKED", "no")]).unwrap_err(),
        "the environment variable TASKLEAK_BLOCKED is set to \"no\", which taskleak does not \
         understand: it accepts a duration with its unit, such as `750ms` or `2s`, or `off`. \
         Correct it, or unset it for the default. Until then TASKLEAK_BLOCKED has its \
         default; all others hold."
    );
}

#[test]
fn all_names_are_known() {
    let names = variables();
    assert_eq!(names.len(), 13);
    assert!(names.contains(&"TASKLEAK") && names.contains(&"TASKLEAK_GROWTH"));
}

#[test]
fn an_interval_of_nothing_and_a_growth_over_one_snapshot_are_refused() {
    for (variable, value, accepted) in [
        ("TASKLEAK_INTERVAL", "0s", "longer than nothing, or `off`."),
        ("TASKLEAK_GROWTH", "0", "a whole number of 2 or more,"),
        ("TASKLEAK_GROWTH", "1", "a whole number of 2 or more,"),
    ] {
        let (config, result) = parse_all(&[(variable, value)]);
        assert_eq!(config, Config::default());
        let error = result.unwrap_err();
        assert!(error.contains(accepted), "{error}");
    }
    let config = parse(&[("TASKLEAK_INTERVAL", "1ms"), ("TASKLEAK_GROWTH", "2")]).unwrap();
    assert_eq!(config.interval, Some(Duration::from_millis(1)));
    assert_eq!(config.growth, 2);
}

#[test]
fn what_is_wrong_with_one_takes_nothing_from_the_others() {
    let (config, result) = parse_all(&[
        ("TASKLEAK", "warn"),
        ("TASKLEAK_GRACE", "750"),
        ("TASKLEAK_MANAGER", "off"),
        ("TASKLEAK_GROWTH", "many"),
    ]);
    let expected = Config {
        mode: Mode::Warn,
        manager: false,
        ..Config::default()
    };
    assert_eq!(config, expected);
    let error = result.unwrap_err();
    assert!(
        error.ends_with(
            "default. The environment variable TASKLEAK_GROWTH is set to \"many\", which taskleak \
             does not understand: it accepts a whole number of 2 or more, such as `6`. Correct it, or unset \
             it for the default. Until then TASKLEAK_GRACE, TASKLEAK_GROWTH have their \
             defaults; all others hold."
        ),
        "{error}"
    );
}
