// One instance by a share link: the same view, without what changes anything.
import { shared } from '../api/share';
import { Empty } from '../ui/state';
import type { ViewProps } from '../views';
import { Instance } from './instance';

export default function View({ params }: ViewProps) {
  if (shared === null || shared.token !== params['token'])
    return (
      <Empty title="This link opens nothing"
        text="It is not whole. Ask whoever sent it for another one." />
    );
  return <Instance id={shared.instance} isShared />;
}
