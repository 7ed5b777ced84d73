// The names of all templates, for whoever chooses among them.
import { useData } from '../data';
import { isApplied } from '../news';

type Listed = { templates: { template: string; version: number }[] };

export function useTemplateNames(): string[] {
  const { value } = useData<Listed>('v1/templates', isApplied);
  return value?.templates.map((t) => t.template) ?? [];
}
