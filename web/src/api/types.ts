// What the server answers, by its own names: docs/api.md and openapi.json are the contract.

export type InstanceStatus = 'RUNNING' | 'PAUSED' | 'COMPENSATING' | 'COMPLETED' | 'FAILED'
  | 'CANCELLED' | 'TERMINATED' | 'COMPENSATED';
export type StageStatus = 'PENDING' | 'ACTIVE' | 'COMPLETED' | 'FAILED' | 'SKIPPED';
export type TaskStatus = 'PENDING' | 'SCHEDULED' | 'RUNNING' | 'RETRYING' | 'COMPLETED' | 'FAILED'
  | 'SKIPPED' | 'CANCELLED' | 'COMPENSATED';
export type Status = InstanceStatus | StageStatus | TaskStatus;
export type Verdict = 'applied' | 'duplicate' | 'stale' | 'refused' | 'invalid' | 'unknown'
  | 'too_large';
export type Role = 'viewer' | 'worker' | 'operator' | 'author' | 'admin';

export type Summary = {
  instance: string;
  template: string;
  version: number;
  key: string | null;
  status: InstanceStatus;
  stage: string | null;
  business_status: string | null;
  started_at: string;
  updated_at: string;
};

export type Change = { path: string; from?: unknown; to: unknown };

export type EventRecord = {
  instance: string;
  seq: number;
  event: string;
  verdict: Verdict;
  reason?: string | null;
  at: string;
  source?: string | null;
  actor?: string | null;
  task?: string | null;
  generation?: number;
  attempt?: number;
  changes?: Change[];
  position?: number;
  hash?: string;
};
