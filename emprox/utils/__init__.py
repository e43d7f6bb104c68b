"""Small tools that the rest of the package needs: nothing here is part of the public interface."""
