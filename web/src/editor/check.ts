// Asks the server about a text while it is being written: its graph, what applying it would do, or
// what is wrong with it and where.
import { postText, Refusal, withQuery } from '../api/client';
import type { AppliedAnswer, Forecast, Invalid } from '../api/template';
import type { Problem } from './editor';

export type Checked = {
  text: string;
  forecast: Forecast | null;
  problems: Problem[];
  count: number;
};

const YAML = 'application/yaml';

function problemsOf(answer: Partial<Invalid>, message: string): Problem[] {
  const errors = answer.errors ?? [];
  const all: Problem[] = [
    ...errors,
    ...(answer.warnings ?? []).map((one) => ({ ...one, isWarning: true })),
  ];
  return errors.length > 0 ? all : [{ line: 0, column: 0, message }, ...all];
}

/** Throws Refusal where the server cannot be asked. */
export async function check(text: string): Promise<Checked> {
  try {
    const forecast = await postText<Forecast>('v1/templates/validate', YAML, text);
    const problems = forecast.warnings.map((one) => ({ ...one, isWarning: true }));
    return { text, forecast, problems, count: 0 };
  } catch (e) {
    if (!(e instanceof Refusal) || ![400, 409, 413].includes(e.status)) throw e;
    const answer = (e.body ?? {}) as Partial<Invalid>;
    const problems = problemsOf(answer, e.message);
    const count = answer.error_count ?? problems.filter((one) => !one.isWarning).length;
    return { text, forecast: null, problems, count };
  }
}

export const applyText = (text: string, file: string, note: string): Promise<AppliedAnswer> =>
  postText(withQuery('v1/templates', { file, note }), YAML, text);
