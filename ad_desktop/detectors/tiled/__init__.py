"""Any detector on the tiles of large pictures: cut, scored one by one, and put together again."""
