"""A test that passes and one that fails, for unittest and pytest."""

import unittest


class Sample(unittest.TestCase):
    def test_passes(self) -> None:
        self.assertEqual(1, 1)

    @unittest.expectedFailure
    def test_fails(self) -> None:
        self.assertEqual(1, 2)
