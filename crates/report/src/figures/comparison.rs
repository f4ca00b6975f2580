//! Comparison of two networks: the eigenvalues of the maps that advance their states.

use crate::analysis::Analysis;
use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::figure::Figure;
use crate::panel::{Axis, Frame, Panel, number};
use crate::{Look, ReportError, style};
use mdl_artifact::Artifact;

const CHECK: Check = Check("comparison of networks");
const PLOT_HEIGHT: f64 = 330.0;

/// Comparison of two networks.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor, values that are not finite.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(analysis) = Analysis::of(artifact, "comparison") else { return Ok(None) };
    let shape @ [_, count, _] = analysis.shape::<3>("eigenvalue")?;
    let eigenvalue = analysis.values::<f64>("eigenvalue", &shape)?;
    CHECK.finite("eigenvalues", eigenvalue)?;
    if count == 0 || eigenvalue.len() != 4 * count {
        return Ok(None);
    }
    let value = |name: &str| -> Result<String, ReportError> {
        Ok(number((analysis.values::<f64>(name, &[1])?[0] * 1000.0).round() / 1000.0))
    };
    let (cka, procrustes, dynamics) = (value("cka")?, value("procrustes")?, value("dynamics")?);
    let mut canvas = Canvas::new(look, look.narrow(), &format!("CKA {cka}, Procrustes distance {procrustes}"));
    canvas.legend(&[
        (Key::OpenDot(style::variant_colour(0)), "eigenvalues of the first network".into()),
        (Key::Dot(style::variant_colour(1)), format!("of the second (distance {dynamics})")),
    ]);
    let width = canvas.panel_width();
    let frame = Frame { left: style::LEFT, top: canvas.top, width, height: PLOT_HEIGHT };
    let height = PLOT_HEIGHT + style::BOTTOM;
    let most = eigenvalue.iter().fold(1.1, |most: f64, x| most.max(1.1 * x.abs()));
    let axis = |label: &str| Axis::exact(label, (-most, most));
    let panel = Panel::new(canvas.size(height), frame, axis("Real part"), axis("Imaginary part"));
    let turn = |k: i32| 2.0 * std::f64::consts::PI * f64::from(k) / 120.0;
    canvas.stroke((0..=120).map(|k| panel.at((turn(k).cos(), turn(k).sin()))), style::REFERENCE, 0.8, None);
    for (k, pair) in eigenvalue.chunks_exact(2).enumerate() {
        let at = panel.at((pair[0], pair[1]));
        if k < count {
            canvas.ring(at, 4.5, style::variant_colour(0))
        } else {
            canvas.dot(at, 3.0, style::variant_colour(1))
        }
    }
    canvas.axes(&panel);
    let description = format!(
        "Linear CKA {cka}, Procrustes distance {procrustes}, distance of the eigenvalues of the dynamics {dynamics}, with the unit circle."
    );
    let caption =
        "Eigenvalues of the linear maps that advance the states of each network by one step, with the unit circle."
            .into();
    Ok(Some(canvas.finish(height, description, caption)))
}
