// Templates as the server shows them.
import type { Layout } from './instance';

type Applied = { applied_at: string | null; applied_by: string | null; note: string | null };

export type TemplateHead = Applied & {
  template: string;
  version: number;
  digest: string;
  title: string | null;
  alias: string | null;
  description: string | null;
  stages: number;
  tasks: number;
};
export type VersionHead = Applied & { version: number; digest: string };

export type TaskContent = {
  name: string;
  queue?: string;
  human?: { assignee?: string; group?: string; due?: string; form?: unknown };
  needs?: string[];
  [further: string]: unknown;
};
export type Content = {
  name: string;
  key?: string;
  on_duplicate?: string;
  timeout?: string;
  input?: unknown;
  output?: unknown;
  stages: { name: string; tasks?: TaskContent[] }[];
};

export type Template = Omit<TemplateHead, 'stages' | 'tasks'> & {
  versions: VersionHead[];
  content: Content;
  source: string;
};

export type Difference = {
  path: string;
  change: 'added' | 'removed' | 'changed';
  from?: unknown;
  to?: unknown;
};

export type Counts = { status: string; count: number };
export type Stats = {
  templates: (Counts & { template: string })[];
  versions?: (Counts & { version: number })[];
};

export type ServerProblem = { line: number; column: number; message: string };
/** What validate says of a text that is a template. */
export type Forecast = {
  template: string;
  version: number;
  created: boolean;
  newest?: number;
  changes?: Difference[];
  warnings: ServerProblem[];
  graph: Layout;
};
/** What it says of one that is not. */
export type Invalid = {
  error: { code: string; message: string; where?: string };
  errors?: ServerProblem[];
  warnings?: ServerProblem[];
  error_count?: number;
};
export type AppliedAnswer = { template: string; version: number; created: boolean };

export type Started = {
  verdict: 'applied' | 'duplicate';
  instance: string;
  key: string | null;
  reason?: string;
};
