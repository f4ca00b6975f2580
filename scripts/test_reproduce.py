#!/usr/bin/env python3
"""Tests of bench/reproduce.py without a network: the catalogue of figures, plans, verdicts, measures, stored curves and the page.

usage: test_reproduce.py      needs PyYAML; tests/reproduce.rs runs it
"""

import array
import contextlib
import io
import json
import pathlib
import shutil
import sys
import tempfile
import types
import unittest
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

import curves  # noqa: E402
import measure  # noqa: E402
import page  # noqa: E402
import reproduce  # noqa: E402
import verdict  # noqa: E402

PNAS = "1B 1C 2B 2C 2D-E 3B-C 4A-C 4D-E 5 6A 6B 6C 7 S1 S2 S3 S4 S5 S6 S7"
MODES = "1 2a 2b 2c 2d-e 3a 3b-c 3d-e 4a 4b-c 4d 5"
TABLE = "run,state,performance,criterion_met,revision\n"


def options(folder, *more):
    """Options as from the command line."""
    given = ["reproduce.py", "plan", "--output", str(folder / "runs"), "--page", str(folder / "page.md"), *more]
    before, sys.argv = sys.argv, given
    try:
        return reproduce.read_arguments()
    finally:
        sys.argv = before


class Catalogue(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.figures, self.quick = reproduce.catalogue()

    def test_every_figure_is_there(self):
        expected = [f"pnas-{name}" for name in PNAS.split()] + [f"modes-{name}" for name in MODES.split()]
        self.assertEqual(list(self.figures), expected)

    def test_every_figure_has_numbers_or_a_reason(self):
        for name, figure in self.figures.items():
            self.assertTrue(figure.get("numbers") or figure.get("unavailable"), name)

    def test_every_sweep_has_a_plan_and_a_thinned_one_with_seeds_from_1001(self):
        names = reproduce.names_of_sweeps(self.figures)
        self.assertEqual(set(self.quick), set(names))
        files = {file.stem for file in reproduce.HERE.glob("*.yaml")} - {"figures"}
        self.assertEqual(files, set(names))
        for name in names:
            sweep = reproduce.Sweep(name, options(self.folder), {})
            self.assertEqual((min(sweep.seeds), len(sweep.to_run())), (1001, len(sweep.planned)), name)
            thin = reproduce.Sweep(name, options(self.folder, "--quick"), self.quick[name])
            self.assertTrue(0 < len(thin.to_run()) <= 8, f"{name}: {len(thin.to_run())}")

    def test_every_number_is_about_networks_of_its_sweep(self):
        for name, figure in self.figures.items():
            for number in figure.get("numbers", []):
                sweep = reproduce.Sweep(number.get("sweep", figure["sweep"]), options(self.folder), {})
                runs = measure.runs(sweep.place, sweep.planned)
                where = {field: value for field, value in number.get("where", {}).items() if field != "criterion_met"}
                for field, sides in number.get("contrast", {}).items():
                    for side in sides:
                        self.assertTrue([run for run in runs if run.agrees({**where, field: side})], f"{name}: {number['what']}")
                self.assertTrue([run for run in runs if run.agrees(where)], f"{name}: {number['what']}")
                rows = reproduce.expanded({**number, "where": where}, runs)
                if "each" in number:
                    printed = [row for row in rows if row["published"] is not None]
                    self.assertEqual(len(printed), len(number.get("published") or {}), f"{name}: {number['what']}")

    def test_options_choose_figures_seeds_and_points(self):
        given = options(self.folder, "--paper", "pnas", "--figure", "1C,pnas-7", "--seeds", "2", "--keep", "network.neurons=10,250")
        wanted = reproduce.chosen(self.figures, given)
        self.assertEqual(list(wanted), ["pnas-1C", "pnas-7"])
        runs = [network["run"] for _, network in reproduce.Sweep("go-nogo-sizes", given, {}).to_run()]
        self.assertEqual(runs, [f"go-nogo/network.neurons={n}/{seed}" for n in (10, 250) for seed in (1001, 1002)])
        given = options(self.folder, "--keep", "lif.refractory_ms=2")
        searches = reproduce.Sweep("mante-refractory", given, {}).to_run()[0][1]["searches"]
        self.assertEqual([search["search"] for search in searches], [["lif.refractory_ms=2"]])
        with self.assertRaisesRegex(reproduce.Refused, "--figure 9: no such figure, expected one of pnas-1B, "):
            reproduce.chosen(self.figures, options(self.folder, "--figure", "9"))

    def test_a_catalogue_that_cannot_be_used_is_refused(self):
        cases = [
            ("{", "figures.yaml: "),
            ("figures: [{id: a, paper: nature, sweep: b}]", "expected a figure of pnas or modes"),
            ("figures: [{id: a, paper: pnas}]", "pnas-a: expected a sweep, or the reason"),
            ("figures: [{id: a, paper: pnas, sweep: b, colour: red}]", "found the key colour, expected one of analyze"),
            ("figures: [{id: a, paper: pnas, sweep: b, numbers: [{what: c}]}]", "expected either mean or share"),
        ]
        file = self.folder / "figures.yaml"
        for content, message in cases:
            file.write_text(content)
            with self.assertRaisesRegex(reproduce.Refused, message):
                reproduce.catalogue(file)


class Verdicts(unittest.TestCase):
    def test_quantiles_are_those_of_printed_tables(self):
        for df, expected in ((1, 12.706), (2, 4.303), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980)):
            self.assertAlmostEqual(verdict.student(df), expected, places=3)

    def test_interval_of_a_mean(self):
        # Four values with mean 2.5 and standard error 0.6455; t = 3.182.
        found = verdict.mean([1, 2, 3, 4])
        self.assertAlmostEqual(found.low, 2.5 - 3.1824 * 0.645497, places=3)
        self.assertEqual(verdict.mean([0.9, 1.0, 1.0], 0.0, 1.0).high, 1.0)

    def test_difference_of_two_shares(self):
        # Newcombe (1998), table II: 56/70 against 48/80 is 0.2000, 0.0524 to 0.3339.
        gap, low, high = verdict.difference(verdict.counted(56, 70), verdict.counted(48, 80))
        self.assertAlmostEqual(gap, 0.2)
        self.assertAlmostEqual(low, 0.0524, places=4)
        self.assertAlmostEqual(high, 0.3339, places=4)

    def test_verdicts(self):
        many = {"value": 0.97, "sd": 0.066, "networks": 100}
        cases = [
            (verdict.mean([0.97, 0.98, 0.99]), many, 0.02, "reproduced", "within ±0.02"),
            (verdict.mean([0.60, 0.61, 0.62]), many, 0.02, "differs", "−0.36"),
            (verdict.mean([0.60, 0.90, 0.99]), many, 0.02, "not comparable", "too few networks for"),
            (verdict.mean([0.97, 0.98]), many, 0.02, "not comparable", "fewer than 3 networks"),
            (verdict.counted(3, 10), {"count": 94, "of": 100}, 0.05, "differs", "−0.64"),
            (verdict.counted(10, 10), {"count": 94, "of": 100}, 0.06, "reproduced", "within"),
            (verdict.counted(2, 4), {"count": 1, "of": 2}, 0.06, "not comparable", "fewer than 5 networks"),
            (verdict.mean([88, 90, 92]), {"values": [88, 88, 93]}, 5, "reproduced", "within"),
            (verdict.mean([0.96, 0.97, 0.98]), {"at_least": 0.95}, 0, "reproduced", ""),
            (verdict.mean([0.91, 0.92, 0.93]), {"at_least": 0.95}, 0, "differs", "by −0.03"),
            (verdict.mean([0.80, 0.95, 0.98]), {"at_least": 0.95}, 0, "not comparable", "too few networks"),
            (verdict.mean([0.80, 0.95, 0.99]), {"at_most": 0.95}, 0, "reproduced", ""),
            (None, many, 0.02, "not comparable", "not run yet"),
            (None, None, 0.02, "–", ""),
        ]
        for ours, given, tolerance, sign, reason in cases:
            found = verdict.judge(ours, given, tolerance)
            self.assertEqual(found[0], sign, (ours, given, found))
            self.assertIn(reason, found[1])


class Results(unittest.TestCase):
    """Numbers of recorded results, in the layout of the workflow."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))

    def run_of(self, run, row=None):
        planned = {"run": run, "name": "a", "seed": 1001, "kind": "rate"}
        return measure.Run(self.folder, planned, {"network.neurons": 10}, row)

    def test_measures(self):
        curve = [{"scaling_factor": 10.0, "performance": 0.4}, {"scaling_factor": 25.0, "performance": 0.9}]
        self.write("a/lambda-search.json", {"status": 4, "result": {"curve": curve}})
        self.write("a/train-rate.json", {"status": 0, "result": {}})
        rows = [{"update": update, "training_loss": 2.0 - update / 100} for update in range(61)]
        self.write("a/metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        attractors = [{"attractors": 1}, {"attractors": 2}]
        self.write("a/analysis-modes/analyze.json", {"status": 0, "result": {"attractors": attractors}})
        values = array.array("f", [10, 20, 30, 40]).tobytes()
        head = json.dumps({"tau_ms": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
        self.write("a/rate.safetensors", len(head).to_bytes(8, "little") + head + values)
        run = self.run_of("a", {"performance": "0.5", "criterion_met": "true", "empty": ""})
        cases = [
            ({"column": "performance"}, 0.5), ({"column": "criterion_met"}, 1.0), ({"column": "empty"}, None),
            ({"record": "lambda-search", "path": "curve/scaling_factor=25.0/performance"}, 0.9),
            ({"record": "lambda-search", "path": "curve/scaling_factor=1.0/performance"}, None),
            ({"record": "eval-lif", "path": "performance"}, None),
            ({"analysis": "modes", "path": "attractors/*/attractors"}, 3.0),
            ({"crossing": 1.7}, 31.0), ({"crossing": 0.1}, None), ({"loss_at": 50, "over": 3}, 1.5),
            ({"loss_at": "last"}, 1.4), ({"loss_at": 70}, None),
            ({"tensor": "tau_ms", "of": "rate"}, 25.0), ({"tensor": "tau_ms", "of": "rate", "take": "p50"}, 30.0),
            ({"tensor": "tau_ms", "of": "lif"}, None),
        ]
        for given, expected in cases:
            found = measure.measured(run, given)
            if expected is None:
                self.assertIsNone(found, given)
            else:
                self.assertAlmostEqual(found, expected, places=6, msg=str(given))
        self.assertTrue(run.agrees({"network.neurons": [10, 20], "criterion_met": True, "name": "a"}))
        with self.assertRaisesRegex(measure.Unreadable, "expected one of column"):
            measure.measured(run, {"row": 1})

    def test_stored_curves(self):
        head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"
        head += b" " * (118 - len(head) - 1) + b"\n"
        with zipfile.ZipFile(self.folder / curves.FILE, "w") as file:
            for number, values in enumerate(([2.0, 1.8, 1.6], [1.9, 1.65, 1.5])):
                content = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + array.array("f", values).tobytes()
                file.writestr(f"mnist/training_loss/H_30_P_3_{number}.npy", content)
        found = curves.read(self.folder)
        number = {"stored": {"curve": "mnist/training_loss", "crossing": 1.7}, "where": {"network.neurons": 30, "network.modes": 3}}
        self.assertEqual(curves.stored(found, number), {"values": [3.0, 2.0]})
        last = {**number, "stored": {"curve": "mnist/training_loss", "last": 1}}
        self.assertAlmostEqual(curves.stored(found, last)["values"][0], 1.6, places=6)
        self.assertIsNone(curves.stored(found, {**number, "where": {"network.neurons": 31, "network.modes": 3}}))
        with self.assertRaisesRegex(curves.Unreadable, "--published names a folder with this file"):
            curves.read(self.folder / "nowhere")

    def test_a_page_of_recorded_numbers(self):
        figures, _ = reproduce.catalogue()
        given = options(self.folder, "--programs", str(self.folder))
        rows = "".join(
            f"go-nogo/network.neurons={n}/{1000 + k},complete,{0.99 if n == 250 else 0.5 + k / 100},true,abc\n"
            for n in (10, 250)
            for k in range(1, 7)
        )
        self.write("runs/go-nogo-sizes/table.csv", TABLE + rows)
        record = {"cpu_seconds": 60.0}
        self.write("runs/go-nogo-sizes/go-nogo/network.neurons=10/1001/train-rate.json", record)
        self.write("runs/go-nogo-sizes/go-nogo/network.neurons=10/1001/complete", "")
        # What gather would do is in the table; nothing is drawn.
        reproduce.Sweep.gather, before = (lambda _: None), reproduce.Sweep.gather
        page.draw, drawn = (lambda *_: None), page.draw
        try:
            all_sweeps = [reproduce.Sweep(name, given, {}) for name in reproduce.names_of_sweeps(figures)]
            page.write(figures, reproduce.results(figures, all_sweeps, given), all_sweeps, given)
            text = given.page.read_text()
            page.write(figures, reproduce.results(figures, all_sweeps, given), all_sweeps, given)
        finally:
            reproduce.Sweep.gather, page.draw = before, drawn
        self.assertEqual(given.page.read_text(), text)
        for name in PNAS.split() + MODES.split():
            self.assertIn(f"#### Figure {name}: ", text)
        self.assertIn("| N = 250: LIF networks at 0.95 or above | 94 of 100 | 6 of 6 (0.61–1.00) | 6 |", text)
        self.assertIn("| N = 250: LIF performance | 0.988 ± 0.047 | 0.99 ± ", text)
        self.assertIn("| N = 10: LIF performance | – | 0.535 ± 0.0187 (0.515 to 0.555) | 6 | – |", text)
        self.assertIn("programs of revision abc in 1 min of CPU time", text)
        self.assertIn("`configs/reproduce/go-nogo-sizes.yaml`, up to 6 of 100 seeds per point", text)
        self.assertIn("Not comparable, because not run yet: single-exponential: LIF performance; double-exponential: ", text)
        self.assertIn("Not comparable, because not run yet: 12 of 12 numbers.", text)
        given.page.write_text("# A page without marks\n")
        with self.assertRaisesRegex(page.Unreadable, "found no lines <!-- bench/reproduce.py"):
            page.write({}, {}, all_sweeps, given)
        self.assertEqual(given.page.read_text(), "# A page without marks\n")

    def test_a_contrast_pairs_networks_of_the_same_seed(self):
        runs = []
        for neurons, seed, value in ((10, 1, 0.5), (10, 2, 0.6), (20, 1, 0.7), (20, 2, 0.9), (20, 3, 0.1)):
            run = self.run_of("a", {"performance": str(value)})
            run.seed, run.settings = seed, {"network.neurons": neurons}
            runs.append(run)
        found = reproduce.estimate(runs, {"contrast": {"network.neurons": [10, 20]}, "mean": {"column": "performance"}})
        self.assertEqual((found.networks, round(found.value, 6)), (2, 0.25))
        share = {"share": {"column": "performance"}, "at_least": 0.6}
        self.assertEqual(reproduce.estimate(runs, share).value, 0.6)


class Commands(unittest.TestCase):
    def test_errors_name_the_remedy(self):
        with tempfile.TemporaryDirectory() as folder:
            for arguments, message in (
                (["plan", "--figure", "9"], "error: --figure 9: no such figure"),
                (["page", "--published", folder, "--output", folder], "--published names a folder with this file"),
            ):
                said, before = io.StringIO(), sys.argv
                sys.argv = ["reproduce.py", *arguments]
                try:
                    with contextlib.redirect_stderr(said):
                        self.assertEqual(reproduce.main(), 2)
                finally:
                    sys.argv = before
                self.assertIn(message, said.getvalue())


if __name__ == "__main__":
    unittest.main()
