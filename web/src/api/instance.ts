// One instance as the server shows it: now and as of a record, its drawing, its timeline.
import type { InstanceStatus, StageStatus, Summary, TaskStatus, Verdict } from './types';

export type TaskShown = {
  name: string;
  id: string;
  kind: 'queue' | 'human';
  queue: string | null;
  status: TaskStatus;
  generation: number;
  attempt: number;
  max_attempts: number;
  input?: unknown;
  output?: unknown;
  error: string | null;
  message: string | null;
  sent_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  wake_at: string | null;
  assignee: string | null;
  group: string | null;
  due_at: string | null;
};

export type StageShown = { name: string; status: StageStatus; tasks: TaskShown[] };

export type InstanceShown = Summary & {
  status: InstanceStatus;
  revision: number;
  input?: unknown;
  output?: unknown;
  error: string | null;
  message: string | null;
  finished_at: string | null;
  deadline_at: string | null;
  resume_at: string | null;
  stages: StageShown[];
};

export type Box = { x: number; y: number; width: number; height: number };
export type LayoutStage = Box & { name: string; status?: StageStatus };
export type LayoutTask = Box & {
  name: string;
  id: string;
  stage: string;
  kind: 'queue' | 'human';
  queue: string | null;
  assignee: string | null;
  group: string | null;
  business_status: string | null;
  status?: TaskStatus;
  generation?: number;
  attempt?: number;
};
export type LayoutEdge = { from: string; to: string; points: number[] };
export type Layout = {
  width: number;
  height: number;
  stages: LayoutStage[];
  tasks: LayoutTask[];
  edges: LayoutEdge[];
};

export type Ended = 'completed' | 'failed' | 'timed_out' | 'cancelled' | 'put_back' | 'replayed';
export type Attempt = {
  task: string;
  generation: number;
  attempt: number;
  sent_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  ended: Ended | null;
  error?: string | null;
  message?: string | null;
  retry_at?: string | null;
  /** Of the record that ended it; the instance as of then has its input and output. */
  seq?: number;
};

export type EventBrief = {
  seq: number;
  event: string;
  verdict: Verdict;
  reason: string | null;
  at: string;
  source: string | null;
  actor: string | null;
  stage: string | null;
  task: string | null;
  generation: number | null;
  attempt: number | null;
  comment?: string;
  count?: number;
};

export type Pause = { from: string; to: string | null; seq: number | null };
export type Timeline = {
  first: number;
  last: number;
  attempts: Attempt[];
  pauses: Pause[];
  marks: EventBrief[];
  next: string | null;
};

export type Share = { instance: string; token: string; url: string; expires_at: string };
