/** Keys of the contract that this version does not have. Each is an error, never a setting that is silently ignored (I6). */
export const LATER = 'is not available in this version';
