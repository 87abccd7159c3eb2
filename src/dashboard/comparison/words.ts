import type { Tone } from '../parts/state.tsx'
import type { Class, ComparedResource, Preset } from './views.ts'

/** How each class came about, and with which sign it is shown. */
export const classWords: Readonly<Record<Class, readonly [sign: string, tone: Tone, words: string]>> = {
  same: ['=', 'good', 'Both sides are equal.'],
  converged: ['=', 'good', 'Both sides have changed, and are equal.'],
  'fast-forward': ['→', 'busy', 'Only the source has changed.'],
  customised: ['✎', 'warn', 'Only the target has changed.'],
  merge: ['⇄', 'busy', 'Both have changed, in different parts: the source’s changes are taken, the target’s stay.'],
  conflict: ['≠', 'bad', 'Both have changed in different ways: say which side wins.'],
  'new-at-source': ['+', 'busy', 'The source has added it.'],
  'removed-at-target': ['⌫', 'warn', 'The target has deleted it, and the source still has it.'],
  'deleted-at-source': ['−', 'busy', 'The source has deleted it.'],
  'target-only': ['◇', 'calm', 'The target has added it; the source never had it.'],
  unbased: ['?', 'calm', 'Nothing is known of what both had in common.'],
}

/** The words of the page that this one follows. */
export const stateWords: Readonly<Record<ComparedResource['state'], string>> = {
  existing: 'already exists',
  added: 'newly added',
  deleted: 'only at the target',
}

export const presetWords: Readonly<Record<Preset, string>> = {
  defaults: 'The ticks as the comparison proposes them: what both have and the source has changed.',
  complete: 'Both sides are equal afterwards. The source wins everywhere, also in conflicts.',
  modified: 'The proposed ticks of what both sides have.',
  added: 'What the source has added.',
  deleted: 'What the source has deleted.',
  none: 'Nothing.',
}
