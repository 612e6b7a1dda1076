// A person opens the notebook of the convolutional network in JupyterLab, stops the training,
// goes on with the model, looks things up, makes a mistake, and runs everything again in the
// dark theme.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { withLab } from "./lab.mjs";
import { Notebook } from "./notebook.mjs";
import { looksTheSameElsewhere } from "./stored.mjs";

const NAME = "02_mnist_cnn.ipynb";

// More than anybody waits for.
const ENDLESS = ".epochs(1000)";

// What only the cell that trains holds.
const FIT = ".validation_data";

/**
 * Copies the notebook: trained on few images, endlessly, and with an empty cell at the end.
 * Returns how many code cells it has.
 */
async function copyNotebook() {
  const notebook = JSON.parse(await readFile(process.env.TORCHBOOK_NOTEBOOK, "utf8"));
  const code = notebook.cells.filter((cell) => cell.cell_type === "code");
  for (const cell of code) {
    cell.outputs = [];
    cell.execution_count = null;
  }
  const replace = (from, to) => {
    const cell = code.find((cell) => cell.source.join("").includes(from));
    assert(cell, `the notebook has no cell with \`${from}\``);
    cell.source = [cell.source.join("").replace(from, to)];
  };
  const first = (name, count) => `&${name}.narrow(0, 0, ${count})`;
  replace(
    ".fit(&x_train, &y_train)",
    `.fit(${first("x_train", 3200)}, ${first("y_train", 3200)})`,
  );
  replace(
    `${FIT}(&x_val, &y_val)`,
    `${FIT}(${first("x_val", 640)}, ${first("y_val", 640)})`,
  );
  replace(".epochs(5)", ENDLESS);
  notebook.cells.push({
    cell_type: "code",
    id: "try",
    metadata: {},
    source: [],
    outputs: [],
    execution_count: null,
  });
  await writeFile(NAME, JSON.stringify(notebook));
  return code.length;
}

async function session(notebook, codeCells) {
  const { page } = notebook;
  const fit = notebook.cell(FIT);
  const evaluate = notebook.cell("cnn.evaluate");
  const tryOut = notebook.lastCell();

  await notebook.screenshot("opened");
  await notebook.menu("Run", "Run All Cells");

  // The display of the training lives: one output, which changes.
  const display = notebook.outputs(fit).first();
  await display.waitFor();
  const watched = await notebook.watch(display);
  await notebook.shows(fit, /epoch \d+\/1000.*samples\/s/);
  await notebook.screenshot("training-begins", fit);
  await notebook.shows(fit, /epoch ([4-9]|\d\d+)\/1000.*samples\/s.*ETA/);
  await notebook.screenshot("training", fit);
  // However fast the training is: it is not stopped before the display has changed that often.
  await page.waitForFunction(
    (states) => new Set(states.map((state) => state.text)).size > 10,
    watched,
  );

  // Stop.
  await notebook.toolbar("notebook:interrupt-kernel");
  await notebook.ran(fit);
  await notebook.screenshot("stopped", fit);
  const states = await watched.jsonValue();
  const heights = states.map((state) => state.height);
  const lower = heights.slice(0, -1).findIndex((height, at) => at > 0 && height < heights[at - 1]);
  assert.equal(lower, -1, `the display shrinks: ${heights}`);
  assert.match(await display.innerText(), /interrupted/);
  assert.match(await notebook.outputs(fit).last().innerText(), /interrupted/i);
  assert.equal(await notebook.outputs(evaluate).count(), 0, "the cells behind it were not run");

  // The model is still there, trained as far as it was.
  await notebook.run(evaluate);
  assert.match(await notebook.outputs(evaluate).innerText(), /acc: 0\.\d+/);
  await notebook.screenshot("model-after-stop", evaluate);

  // Tab completes: names of the prelude, and methods.
  const completer = page.locator(".jp-Completer-item");
  await notebook.write(tryOut, "Sequen");
  await page.keyboard.press("Tab");
  await notebook.reads(tryOut.locator(".cm-content").or(completer), "Sequential");
  await page.keyboard.press("Escape");
  await notebook.write(tryOut, "cnn.");
  await page.keyboard.press("Tab");
  await notebook.reads(completer, "evaluate");
  await notebook.screenshot("completion", tryOut);
  await page.keyboard.press("Escape");

  // Shift+Tab explains.
  await notebook.write(tryOut, "train_test_split");
  await page.keyboard.press("Shift+Tab");
  await notebook.reads(page.locator(".jp-Tooltip"), "train_test_split");
  await notebook.screenshot("documentation", tryOut);
  await page.keyboard.press("Escape");

  // A mistake is shown with the lines of the cell.
  await notebook.write(tryOut, 'let rows = 28;\nlet columns: i64 = "28";\nrows * columns');
  await notebook.run(tryOut);
  const error = notebook.outputs(tryOut);
  assert.match(await error.innerText(), /let columns: i64 = "28";/);
  assert((await error.locator('[class*="ansi-red"]').count()) > 0, "the error is red");
  await notebook.screenshot("error", tryOut);

  // Restart and run all in the dark, with a training that ends.
  await notebook.write(tryOut, "");
  const source = (await fit.locator(".cm-line").allTextContents()).join("\n");
  await notebook.write(fit, source.replace(ENDLESS, ".epochs(5)"));
  await notebook.theme("Dark");
  await notebook.toolbar("notebook:restart-run-all");
  await notebook.accept();
  await notebook.shows(fit, /epoch [3-5]\/5.*samples\/s.*ETA/);
  await notebook.screenshot("training-dark", fit);
  const predictions = notebook.cell("show_predictions");
  await predictions.locator('.jp-OutputArea img[src^="data:image/png"]').waitFor();
  await notebook.idle();
  const errors = page.locator('[data-mime-type="application/vnd.jupyter.error"]');
  assert.equal(await errors.count(), 0);
  const counts = await page.locator(".jp-CodeCell .jp-InputPrompt").allInnerTexts();
  const expected = Array.from({ length: codeCells }, (_, at) => `[${at + 1}]:`);
  assert.deepEqual(counts.slice(0, codeCells), expected);
  await notebook.screenshot("trained-dark", fit);
  await notebook.screenshot("predictions-dark", predictions);
  await notebook.theme("Light");
  await notebook.screenshot("trained", fit);
  await notebook.screenshot("summary", notebook.cell("make_cnn_model() ->"));
  await notebook.save();
}

const codeCells = await copyNotebook();
await withLab(process.cwd(), async (page, lab) => {
  const notebook = await Notebook.open(page, lab, NAME);
  try {
    await session(notebook, codeCells);
    await looksTheSameElsewhere(notebook, lab, NAME, FIT);
  } catch (error) {
    // Whatever this finds is not what went wrong.
    await notebook.screenshot("failed").catch(() => {});
    throw error;
  }
});
