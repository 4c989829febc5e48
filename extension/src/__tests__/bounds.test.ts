import { boundsOf, lowered, raised } from '../clusters/bounds';

const GROUP = { name: 'train', n_desired: 3, n_requested: 3, n_observed: 2 };

describe('bounds', () => {
  it('are a fixed number, or two', () => {
    expect(boundsOf({ ...GROUP, n_min: null, n_max: null })).toEqual({
      least: 3,
      most: null
    });
    expect(boundsOf({ ...GROUP, n_min: 0, n_max: 8 })).toEqual({ least: 0, most: 8 });
  });

  it('never cross', () => {
    expect(raised({ least: 3, most: null })).toEqual({ least: 4, most: null });
    expect(raised({ least: 2, most: 8 })).toEqual({ least: 3, most: 8 });
    expect(raised({ least: 8, most: 8 })).toEqual({ least: 9, most: 9 });
    expect(lowered({ least: 0, most: 8 })).toEqual({ least: 0, most: 7 });
    expect(lowered({ least: 8, most: 8 })).toEqual({ least: 7, most: 7 });
    expect(lowered({ least: 0, most: 1 })).toEqual({ least: 0, most: 1 });
  });
});
