//! [`SamplingArgs`]: how tokens are drawn, for the commands that generate themselves.

use clap::Args;

use crate::sampling::{Dry, DynamicTemperature, Mirostat, MirostatVersion, SamplingParams, Xtc};

/// The flags have llama-server's names; their ranges are those of the API.
#[derive(Debug, Clone, Args)]
pub(super) struct SamplingArgs {
    /// 0 always takes the most likely token
    #[arg(long, alias = "temp", value_name = "T", default_value = "0.6", value_parser = within(0.0, 2.0))]
    temperature: f32,
    /// Keep the K most likely tokens; 0 keeps all
    #[arg(
        long,
        value_name = "K",
        default_value_t = 20,
        allow_negative_numbers = true
    )]
    top_k: i32,
    /// Keep the smallest set of tokens with this probability
    #[arg(long, value_name = "P", default_value = "0.95", value_parser = within(0.0, 1.0))]
    top_p: f32,
    /// Drop tokens less likely than this share of the most likely
    #[arg(long, value_name = "P", default_value = "0.01", value_parser = within(0.0, 1.0))]
    min_p: f32,
    /// Keep tokens as surprising as is usual here, up to this probability; 1 keeps all
    #[arg(long, alias = "typical-p", value_name = "P", default_value = "1", value_parser = within(0.0, 1.0))]
    typical: f32,
    /// Keep tokens within N standard deviations of the best logit; 0 keeps all
    #[arg(long, alias = "top-n-sigma", value_name = "N", default_value = "0", value_parser = within(-1.0, 100.0), allow_negative_numbers = true)]
    top_nsigma: f32,
    /// How often XTC excludes top choices; 0 is off
    #[arg(long, value_name = "P", default_value = "0", value_parser = within(0.0, 1.0))]
    xtc_probability: f32,
    /// What counts as a top choice for XTC; more than 0.5 is off
    #[arg(long, value_name = "P", default_value = "0.1", value_parser = within(0.0, 1.0))]
    xtc_threshold: f32,
    /// How far the temperature follows how sure the model is; 0 is off
    #[arg(long, value_name = "T", default_value = "0", value_parser = within(0.0, 2.0))]
    dynatemp_range: f32,
    /// The power of the entropy that does so
    #[arg(long, value_name = "X", default_value = "1", value_parser = within(0.0, 10.0))]
    dynatemp_exp: f32,
    /// Penalty for tokens that came recently; 1 is off
    #[arg(long, value_name = "R", default_value = "1", value_parser = within(1.0, 2.0))]
    repeat_penalty: f32,
    /// How many tokens back the penalties look; 0 is off, -1 is the whole context
    #[arg(long, value_name = "N", default_value = "64", value_parser = last_n, allow_negative_numbers = true)]
    repeat_last_n: usize,
    /// Taken off the logit of a token that came recently
    #[arg(long, value_name = "X", default_value = "0", value_parser = within(0.0, 2.0))]
    presence_penalty: f32,
    /// Taken off the logit of a token each time it came recently
    #[arg(long, value_name = "X", default_value = "0", value_parser = within(-2.0, 2.0), allow_negative_numbers = true)]
    frequency_penalty: f32,
    /// How strongly DRY penalises what would repeat a sequence; 0 is off
    #[arg(long, value_name = "X", default_value = "0", value_parser = within(0.0, 100.0))]
    dry_multiplier: f32,
    /// How fast that grows with the length of the repetition
    #[arg(long, value_name = "X", default_value = "1.75", value_parser = within(1.0, 100.0))]
    dry_base: f32,
    /// The longest repetition that costs nothing, in tokens
    #[arg(long, value_name = "N", default_value_t = 2)]
    dry_allowed_length: usize,
    /// How many tokens back DRY looks; 0 is off, -1 is the whole context
    #[arg(long, value_name = "N", default_value = "64", value_parser = last_n, allow_negative_numbers = true)]
    dry_penalty_last_n: usize,
    /// A text that repetitions do not reach across, in place of the usual ones; may be given several times,
    /// and "none" stands for no text at all
    #[arg(long, value_name = "TEXT")]
    dry_sequence_breaker: Vec<String>,
    /// Steer the surprise of what is drawn instead of truncating: 1 or 2 (the version); 0 is off
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    mirostat: u8,
    /// Mirostat's target surprise (tau), in bits
    #[arg(long, value_name = "BITS", default_value = "5", value_parser = within(0.0, 100.0))]
    mirostat_ent: f32,
    /// Mirostat's learning rate (eta)
    #[arg(long, value_name = "X", default_value = "0.1", value_parser = within(0.0, 1.0))]
    mirostat_lr: f32,
    /// The same seed draws the same tokens
    #[arg(short, long)]
    seed: Option<u64>,
}

impl SamplingArgs {
    pub(super) fn params(&self) -> SamplingParams {
        SamplingParams {
            temperature: self.temperature,
            dynamic_temperature: DynamicTemperature {
                range: self.dynatemp_range,
                exponent: self.dynatemp_exp,
            },
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            typical_p: self.typical,
            top_n_sigma: self.top_nsigma,
            xtc: Xtc {
                probability: self.xtc_probability,
                threshold: self.xtc_threshold,
            },
            dry: self.dry(),
            mirostat: self.mirostat(),
            repetition_penalty: self.repeat_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            penalty_last_n: self.repeat_last_n,
            seed: self.seed,
            ..SamplingParams::default()
        }
    }

    fn dry(&self) -> Dry {
        let sequence_breakers = match &self.dry_sequence_breaker[..] {
            [] => Dry::default().sequence_breakers,
            texts => texts
                .iter()
                .filter(|text| *text != "none")
                .cloned()
                .collect(),
        };
        Dry {
            multiplier: self.dry_multiplier,
            base: self.dry_base,
            allowed_length: self.dry_allowed_length,
            last_n: self.dry_penalty_last_n,
            sequence_breakers,
        }
    }

    fn mirostat(&self) -> Option<Mirostat> {
        let version = match self.mirostat {
            1 => MirostatVersion::V1,
            2 => MirostatVersion::V2,
            _ => return None,
        };
        Some(Mirostat {
            version,
            target: self.mirostat_ent,
            learning_rate: self.mirostat_lr,
        })
    }
}

/// Parses a number of a range, both ends included.
fn within(low: f32, high: f32) -> impl Fn(&str) -> Result<f32, String> + Clone {
    move |text| match text.parse::<f32>() {
        Ok(number) if (low..=high).contains(&number) => Ok(number),
        _ => Err(format!("must be a number from {low} to {high}")),
    }
}

/// Parses how many tokens a penalty looks back.
fn last_n(text: &str) -> Result<usize, String> {
    match text.parse::<i32>() {
        Ok(-1) => Ok(usize::MAX),
        Ok(tokens @ 0..) => Ok(tokens.unsigned_abs() as usize),
        _ => Err("must be a whole number of tokens, or -1 for the whole context".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        sampling: SamplingArgs,
    }

    fn parse(line: &str) -> Result<SamplingParams, String> {
        let words = std::iter::once("x").chain(line.split_whitespace());
        let command = Command::try_parse_from(words).map_err(|error| error.to_string())?;
        Ok(command.sampling.params())
    }

    #[test]
    fn without_flags_it_is_the_default() {
        assert_eq!(parse(""), Ok(SamplingParams::default()));
    }

    #[test]
    fn every_flag_sets_its_parameter() {
        let check = |line: &str, set: fn(&mut SamplingParams)| {
            let mut expected = SamplingParams::default();
            set(&mut expected);
            assert_ne!(expected, SamplingParams::default(), "{line} says something");
            assert_eq!(parse(line), Ok(expected), "{line}");
        };
        check("--temp 0", |p| p.temperature = 0.0);
        check("--top-k -1", |p| p.top_k = -1);
        check("--top-p 0.5 --min-p 0", |p| (p.top_p, p.min_p) = (0.5, 0.0));
        check("--typical 0.5", |p| p.typical_p = 0.5);
        check("--top-nsigma 1.5", |p| p.top_n_sigma = 1.5);
        check("--xtc-probability 0.5 --xtc-threshold 0.2", |p| {
            (p.xtc.probability, p.xtc.threshold) = (0.5, 0.2);
        });
        check("--dynatemp-range 0.5 --dynatemp-exp 2", |p| {
            let dynamic = &mut p.dynamic_temperature;
            (dynamic.range, dynamic.exponent) = (0.5, 2.0);
        });
        check("--repeat-penalty 1.5 --repeat-last-n -1", |p| {
            (p.repetition_penalty, p.penalty_last_n) = (1.5, usize::MAX);
        });
        check("--presence-penalty 1 --frequency-penalty -1", |p| {
            (p.presence_penalty, p.frequency_penalty) = (1.0, -1.0);
        });
        check(
            "--dry-multiplier 0.8 --dry-base 2 --dry-allowed-length 3 --dry-penalty-last-n 9",
            |p| {
                (p.dry.multiplier, p.dry.base) = (0.8, 2.0);
                (p.dry.allowed_length, p.dry.last_n) = (3, 9);
            },
        );
        check("--dry-sequence-breaker . --dry-sequence-breaker ;", |p| {
            p.dry.sequence_breakers = vec![".".into(), ";".into()];
        });
        check("--dry-sequence-breaker none", |p| {
            p.dry.sequence_breakers.clear();
        });
        check("--mirostat 1 --mirostat-ent 3 --mirostat-lr 0.2", |p| {
            p.mirostat = Some(Mirostat {
                version: MirostatVersion::V1,
                target: 3.0,
                learning_rate: 0.2,
            });
        });
        check("--seed 7", |p| p.seed = Some(7));
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for line in [
            "--temp 2.1",
            "--temp NaN",
            "--top-p 1.1",
            "--typical=-0.1",
            "--top-nsigma 101",
            "--xtc-probability 2",
            "--repeat-penalty 0.5",
            "--repeat-last-n -2",
            "--dry-base 0",
            "--mirostat 3",
            "--mirostat-lr 2",
        ] {
            let error = parse(line).expect_err(line);
            let flag = line
                .split([' ', '='])
                .next()
                .expect("a flag")
                .replace("--temp", "--temperature");
            assert!(error.contains(&flag), "{line}: {error}");
        }
    }
}
