// Whether the window is as narrow as a phone.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';

const NARROW = '(max-width: 760px)';

export function useNarrow(): boolean {
  const media = useRef(matchMedia(NARROW));
  const is = useSignal(media.current.matches);
  useEffect(() => {
    const look = () => { is.value = media.current.matches; };
    media.current.addEventListener('change', look);
    return () => media.current.removeEventListener('change', look);
  }, []);
  return is.value;
}
